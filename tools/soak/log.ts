import { randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { killWriters, manyWriters } from '../../testkit/log-crash.ts'
import { noteSigner } from '../../testkit/log.ts'
import { Random } from '../../testkit/random.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { leafHash } from '../../src/log/merkle.ts'
import { currentHead, tileReader } from '../../src/log/open-log.ts'
import { openLogFiles, openLogStore } from '../../src/log/open-store.ts'
import { verifyInclusion } from '../../src/log/proof.ts'
import { proveEntry } from '../../src/log/prove.ts'
import { inclusionProof } from '../../src/log/read-tree.ts'
import { verifyLog } from '../../src/log/verify-log.ts'
import { createLog, LogWriter } from '../../src/log/writer.ts'
import { parseNoteKey } from '../../src/sign/signed-note.ts'
import type { Soak, SoakOptions, SoakResult } from './names.ts'

const full = 1_000_000
/** Entries under one checkpoint while the log is filled. */
const batch = 1000
/** Bytes of an entry: about those of a P-256 signature with its key. */
const entryBytes = 480

/** A private log: size, proofs, many writers, killed writers. */
export const logSoak: Soak = {
  what: 'entries in a private log: append and proof times, proofs of the least size, 16 writers at once, writers killed at any moment',
  full,
  run: async (options) => {
    const findings: string[] = []
    const figures = await fill(options, findings)
    const share = Math.min(1, options.count / full)
    const each = Math.max(2, Math.round(20 * share))
    const many = await manyWriters(16, each)
    const random = new Random(options.seed, 'kills')
    const kills = Math.max(2, Math.round(50 * share))
    const killed = await killWriters(kills, () => random.next() / 2 ** 32)
    findings.push(...many.faults, ...killed.faults)
    return {
      good: findings.length === 0,
      text: `${figures}; 16 processes × ${each} entries: ${many.size} in one history; ${kills} kills (two writers each): ${killed.size} entries in one history, nothing acknowledged lost; ${findings.length} findings`,
      findings,
    } satisfies SoakResult
  },
}

async function fill({ count, tell }: SoakOptions, findings: string[]): Promise<string> {
  const ports = testPorts()
  const directory = join(scratch('log-soak'), 'log')
  try {
    const signer = await noteSigner()
    const store = openLogStore(directory, ports)
    await createLog(store, signer, null, {})
    const writer = new LogWriter(store, signer, null, ports)
    const begin = performance.now()
    for (let done = 0; done < count; done += batch) {
      await writer.append(Array.from({ length: Math.min(batch, count - done) }, (_, i) => entry(done + i)))
      tell(done)
    }
    const rate = Math.round(count / ((performance.now() - begin) / 1000))
    const singles = await timed(100, (i) => writer.append([entry(count + i)]))
    const size = count + 100
    const opening = await timed(1, () => new LogWriter(store, signer, null, ports).append([entry(0)]))

    const files = openLogFiles(directory, ports)
    const head = await currentHead(files, parseNoteKey(signer.vkey, 'log'))
    if (head.size !== size) findings.push(`the log has ${head.size} entries, expected ${size}`)
    let longest = 0
    const proofs = await timed(1000, async () => {
      const index = randomInt(size)
      const proof = await inclusionProof(index, size, tileReader(files))
      const least = leastHashes(index, size)
      if (proof.length !== least)
        findings.push(`entry ${index} has a proof of ${proof.length} hashes, the least is ${least}`)
      verifyInclusion(leafHash(entry(index)), index, head, proof, 'log')
      longest = Math.max(longest, proof.length)
    })
    const whole = await timed(1, () => verifyLog(files, head))
    await proveEntry(files, head, 0, signer.keyId)
    return (
      `${size} entries of ${entryBytes} bytes, ${rate}/s in batches of ${batch}, ${ms(singles)} for a single one, ${ms(opening)} for the first one of a new process; ` +
      `proof ${ms(proofs)}, at most ${longest} hashes (the least possible, RFC 6962); whole log verified in ${ms(whole)}`
    )
  } finally {
    rmSync(dirname(directory), { recursive: true, force: true })
  }
}

function entry(i: number): Buffer {
  return Buffer.from(`entry ${i} `.padEnd(entryBytes, '.'))
}

/** Hashes of the path of a leaf: its depth in the tree of RFC 6962 §2.1, whose left half is the largest power of two. */
function leastHashes(index: number, size: number): number {
  let depth = 0
  for (let [at, width] = [index, size]; width > 1; depth++) {
    const left = 2 ** Math.floor(Math.log2(width - 1))
    ;[at, width] = at < left ? [at, left] : [at - left, width - left]
  }
  return depth
}

/** Mean milliseconds of a call. */
async function timed(times: number, run: (i: number) => Promise<unknown>): Promise<number> {
  const begin = performance.now()
  for (let i = 0; i < times; i++) await run(i)
  return (performance.now() - begin) / times
}

function ms(mean: number): string {
  return mean < 10 ? `${mean.toFixed(2)} ms` : `${Math.round(mean)} ms`
}

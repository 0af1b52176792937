import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { currentHead, type SignedHead } from '../src/log/open-log.ts'
import { openLogFiles, openLogStore } from '../src/log/open-store.ts'
import { continues } from '../src/log/resume.ts'
import { fileMemory } from '../src/log/memory.ts'
import { verifyLog } from '../src/log/verify-log.ts'
import { createLog } from '../src/log/writer.ts'
import { loadNoteSigner } from '../src/sign/note-signer.ts'
import { parseNoteKey, type NoteKey } from '../src/sign/signed-note.ts'
import { ed25519Pem } from './log.ts'
import { scratch, testPorts } from './ports.ts'
import { root } from './peers.ts'

const origin = 'log.example.internal'

/** A log in a directory that processes of their own write. */
export interface CrashLog {
  place: string
  key: NoteKey
  keyFile: string
  memory: string
}

export async function makeCrashLog(): Promise<CrashLog> {
  const folder = scratch('log-crash')
  const place = join(folder, 'log')
  const keyFile = join(folder, 'log.pem')
  const memory = join(folder, 'last')
  const pem = ed25519Pem()
  writeFileSync(keyFile, pem, { mode: 0o600 })
  const signer = await loadNoteSigner(origin, pem, null)
  await createLog(openLogStore(place, testPorts()), signer, fileMemory(memory), {})
  return { place, key: parseNoteKey(signer.vkey, 'log'), keyFile, memory }
}

/** What a process said of its entries, by their text. */
export type Acknowledged = Map<string, number>

interface Running {
  child: ChildProcess
  /** Resolves with its exit code, or null where it was killed. */
  ended: Promise<number | null>
  acknowledged: Acknowledged
}

/** Starts a process that appends `NAME 0` … one by one. */
export function startWriter(log: CrashLog, name: string, count: number): Running {
  const entry = join(root, 'testkit/log-writer-entry.ts')
  const args = [entry, log.place, origin, log.keyFile, log.memory, name, String(count)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged: Acknowledged = new Map()
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) acknowledged.set(`${name} ${acknowledged.size}`, Number(line))
  })
  const ended = once(child, 'close').then(([code]: unknown[]) => (typeof code === 'number' ? code : null))
  return { child, ended, acknowledged }
}

/** Every checkpoint that was seen, by its size. */
export class Watch {
  readonly #log: CrashLog
  readonly #seen = new Map<number, SignedHead>()
  readonly faults: string[] = []

  constructor(log: CrashLog) {
    this.#log = log
  }

  /** Reads the checkpoint: it has one root for a size, and its entries are there. */
  async look(): Promise<SignedHead> {
    const files = openLogFiles(this.#log.place, testPorts())
    const head = await currentHead(files, this.#log.key)
    const known = this.#seen.get(head.size)
    if (known !== undefined && !known.root.equals(head.root))
      this.faults.push(`two checkpoints of ${head.size} entries`)
    if (known === undefined) {
      const before = [...this.#seen.values()].filter(({ size }) => size < head.size).at(-1)
      await continues(files, before ?? { size: head.size, root: head.root }, head).catch((error: unknown) =>
        this.faults.push(String(error)),
      )
    }
    this.#seen.set(head.size, head)
    return head
  }

  /** The whole log must be in order and hold what was acknowledged, at the index that was said. */
  async verify(acknowledged: Acknowledged): Promise<number> {
    const head = await this.look()
    const found = new Map<string, number>()
    await verifyLog(openLogFiles(this.#log.place, testPorts()), head, (body, index) => {
      const text = body.toString()
      if (found.has(text)) this.faults.push(`"${text}" is there twice`)
      found.set(text, index)
    }).catch((error: unknown) => this.faults.push(String(error)))
    for (const [text, index] of acknowledged)
      if (found.get(text) !== index)
        this.faults.push(`"${text}" was acknowledged as entry ${index}, found ${found.get(text)}`)
    return head.size
  }
}

/** Kills a writer in the middle of its work, many times. @returns faults and the size of the log */
export async function killWriters(kills: number, chance: () => number): Promise<{ faults: string[]; size: number }> {
  const log = await makeCrashLog()
  const watch = new Watch(log)
  const acknowledged: Acknowledged = new Map()
  for (let kill = 0; kill < kills; kill++) {
    // Two at once, so that one may die while it holds the lock that the other waits for.
    const writers = [startWriter(log, `a${kill}`, 100_000), startWriter(log, `b${kill}`, 100_000)]
    const started = Date.now()
    while (writers.every((writer) => writer.acknowledged.size < 2) && Date.now() - started < 60_000) await watch.look()
    const until = Date.now() + chance() * 100
    while (Date.now() < until) await watch.look()
    for (const { child } of writers) child.kill('SIGKILL')
    for (const writer of writers) {
      await writer.ended
      for (const [text, index] of writer.acknowledged) acknowledged.set(text, index)
    }
    await watch.verify(acknowledged)
  }
  const last = startWriter(log, 'last', 1)
  if ((await last.ended) !== 0) watch.faults.push('after the last kill nothing could be appended')
  return { faults: watch.faults, size: await watch.verify(new Map([...acknowledged, ...last.acknowledged])) }
}

/** Many processes append at once. */
export async function manyWriters(writers: number, each: number): Promise<{ faults: string[]; size: number }> {
  const log = await makeCrashLog()
  const watch = new Watch(log)
  const running = Array.from({ length: writers }, (_, i) => startWriter(log, `w${i}`, each))
  let done = false
  const all = Promise.all(running.map(({ ended }) => ended)).finally(() => (done = true))
  while (!done) {
    await watch.look()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  for (const [i, code] of (await all).entries()) if (code !== 0) watch.faults.push(`writer ${i} ended with ${code}`)
  const acknowledged = new Map(running.flatMap((one) => [...one.acknowledged]))
  const size = await watch.verify(acknowledged)
  if (size !== writers * each || acknowledged.size !== size) watch.faults.push(`${size} entries of ${writers * each}`)
  return { faults: watch.faults, size }
}

/** Our TEE verifiers beside go-sev-guest, go-tdx-guest and dcap-qvl. See {@link usage}. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import { classify } from './classify.ts'
import { faultCases } from './fault-cases.ts'
import { findPeers } from './find-peers.ts'
import { reportOf } from './report.ts'
import { runCases } from './run.ts'
import { snpCases } from './snp-cases.ts'
import { goTdxCases, qvlCases } from './tdx-cases.ts'
import { peerNames } from './types.ts'

const usage = `usage: npm run differential -- [--mutations N] [--seed N] [--write]
       npm run differential -- archives --help

Asks us and each peer the same: every vector, up to N (300) changes of vectors a peer, and synthetic worlds with one fault each.
Ends with 1 when we accept something that a peer refuses and tools/differential/explanations.ts does not say why.

  --mutations N  2000 is the full run
  --write        keep the result in tools/differential/data/report.json, from which docs/verifier.md is made`

if (process.argv.includes('--help')) {
  console.log(usage)
  process.exit()
}
const root = resolve(import.meta.dirname, '../..')
const { mutations, seed, write } = options()
const begin = performance.now()
const now = new Date()
const scratch = mkdtempSync(join(tmpdir(), 'sealwright-differential-'))
try {
  const peers = findOrExit()
  const cases = [
    ...snpCases(mutations, seed, now),
    ...goTdxCases(mutations, seed, now),
    ...qvlCases(mutations, seed),
    ...faultCases(scratch, now),
  ]
  const results = await runCases(cases, peers)
  const disagreements = classify(results)
  const unexplained = disagreements.filter(({ why }) => why === null)
  for (const { peer, direction, what, count, example, why, clause } of disagreements) {
    console.log(
      `${why === null ? 'UNEXPLAINED ' : ''}${peer}, ${direction} (${count}): ${what}\n    e.g. ${example}\n    ${clause}: ${why ?? 'nothing explains it'}`,
    )
  }
  for (const peer of peerNames) {
    const own = results.filter((result) => result.case.peer === peer)
    const same = own.filter(({ ours, theirs }) => (ours.length === 0) === (theirs.verdict === 'accepted')).length
    console.log(`${peer} ${peers[peer].version}: ${own.length} cases, ${same} judged alike`)
  }
  const seconds = Math.round((performance.now() - begin) / 1000)
  console.log(`differential: ${cases.length} cases in ${seconds} s, seed ${seed}: ${unexplained.length} unexplained`)
  if (write) {
    const path = join(root, 'tools/differential/data/report.json')
    mkdirSync(join(root, 'tools/differential/data'), { recursive: true })
    const report = reportOf(results, disagreements, peers, {
      mutations,
      seed,
      seconds,
      date: now.toISOString().slice(0, 10),
    })
    writeFileSync(path, await format(JSON.stringify(report), { ...(await resolveConfig(path)), filepath: path }))
  }
  process.exitCode = unexplained.length === 0 ? 0 : 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function findOrExit(): ReturnType<typeof findPeers> {
  try {
    return findPeers(root)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    rmSync(scratch, { recursive: true, force: true })
    process.exit(2)
  }
}

function options(): { mutations: number; seed: number; write: boolean } {
  try {
    const { values } = parseArgs({
      options: {
        mutations: { type: 'string', default: '300' },
        seed: { type: 'string', default: '1' },
        write: { type: 'boolean', default: false },
      },
    })
    const number = (text: string): number => {
      if (!/^\d{1,6}$/.test(text)) throw new Error(`${text} is no number`)
      return Number(text)
    }
    return { mutations: number(values.mutations), seed: number(values.seed), write: values.write }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    console.error(usage)
    process.exit(2)
  }
}

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

export interface FuzzOptions {
  seed: number
  /** Null for the whole run. */
  seconds: number | null
  threads: number
  randoms: number
  write: boolean
}

export const usage = `usage: npm run fuzz -- tee [--seconds S | --full] [--seed N] [--threads N] [--random N] [--write]
       npm run fuzz -- image --help
       npm run fuzz -- sbom --help

Changes every valid quote, report, certificate, list, log and piece of evidence that we have, and asks our verifiers. A change that is
accepted, a crash or a hang ends with 1; the inputs are kept in build/fuzz/.

  --seconds S  a slice of S seconds (60), at places that the seed fixes
  --full       every flip of a bit, every cut, and --random random changes (1000000)
  --seed N     1 by default
  --write      keep the figures of this run in tools/fuzz/data/tee.json, from which docs/verifier.md is made`

/** @throws Error for anything unknown */
export function readOptions(args: readonly string[]): FuzzOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      full: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
      random: { type: 'string', default: '1000000' },
      write: { type: 'boolean', default: false },
    },
  })
  if (positionals.join() !== 'tee' || (values.full && values.seconds !== undefined))
    throw new Error('either tee with --seconds or tee with --full')
  const number = (text: string): number => {
    if (!/^\d{1,9}$/.test(text)) throw new Error(`${text} is no number`)
    return Number(text)
  }
  return {
    seed: number(values.seed),
    seconds: values.full ? null : number(values.seconds ?? '60'),
    threads: Math.max(1, number(values.threads)),
    randoms: number(values.random),
    write: values.write,
  }
}

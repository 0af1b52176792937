import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeKey, type ChainKey } from '../../../testkit/chain.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door, type Answer } from '../../cli/tee/door.ts'

export { bom, say } from '../../../testkit/say.ts'

export const publisher = makeKey()
export const stranger = makeKey()

/** One row of `query --json`. */
export interface Row {
  manifest: string
  subject: string
  predicateType: string | null
  verdict: string
  why: string | null
  signers: string[]
  time: { at: string; by: string } | null
  packages: string[] | null
  notes: string[]
}

export interface Found {
  images: { digest: string; tags: string[]; status: string | null; rows: Row[] }[]
  gaps: { manifest: string }[]
  empty: string[]
}

/** The command with `--cache none` unless another is given. */
export const query = (...args: string[]): Promise<Answer<Found>> =>
  door('query', ...(args.includes('--cache') ? args : [...args, '--cache', 'none']))

export const rowsOf = ({ outputs }: Answer<Found>): Row[] => outputs.images.flatMap(({ rows }) => rows)
export const tagsOf = ({ outputs }: Answer<Found>): string[] => outputs.images.flatMap(({ tags }) => tags).sort()

/** PEM file of a key. */
export function pemFile(key: ChainKey): string {
  const path = join(scratch('keys'), 'key.pub')
  writeFileSync(path, key.signer.publicKeyPem)
  return path
}

import { asInput } from '../../base/as-input.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import type { Subject } from '../candidate.ts'
import { effectiveStatus, issued } from '../status/effective.ts'
import { readNotices } from '../status/read.ts'

/** How old a status may be in a first policy. */
const maxAgeDays = 7
const dayMs = 86_400_000

/**
 * The section `status` of a first policy, for an image and indexes about which one of the given keys said something. A status by somebody else is named in a comment: nothing
 * tells here whose key that is.
 *
 * @param pems PEM texts of keys that may sign a status
 * @throws InputError `file-invalid` for a key that cannot be used · TransportError
 */
export async function statusLines(
  subjects: readonly Pick<Subject, 'store' | 'descriptor' | 'via'>[],
  pems: readonly string[],
  now: Date,
): Promise<{ lines: string[]; warnings: string[] }> {
  const publicKeys = pems.map((pem) => asInput('status-key', () => loadPublicKey(`${pem.trim()}\n`)))
  const trust = { publicKeys, identities: [], trustedRoot: null }
  const newest: number[] = []
  const others = new Set<string>()
  for (const { store, descriptor, via } of subjects) {
    for (const target of new Set([descriptor.digest, ...via])) {
      const { counted, foreign } = await readNotices('status', store, target, trust, now)
      for (const { pem } of publicKeys) {
        const mine = counted.filter(({ signers }) => signers.includes(pem))
        const { freshest } = effectiveStatus(mine, now)
        newest.push(freshest === null ? Number.NEGATIVE_INFINITY : issued(freshest))
      }
      for (const { by } of foreign) if (by !== null) others.add(by)
    }
  }
  const found = [...others].sort().map((by) => JSON.stringify(by))
  const hint =
    found.length === 0 ? [] : [`# a status by ${found.join(', ')} is attached: pin its key with --status-key`]
  if (publicKeys.length === 0) return { lines: hint, warnings: [] }
  // Of an index all have to be fresh, by each key, so the oldest decides.
  const isFresh = now.getTime() - Math.min(...newest) <= maxAgeDays * dayMs
  const warning = `status: the image has no status of each of these keys that is younger than ${maxAgeDays} days, so no max-age was written: nothing shows that no revocation is hidden`
  const key = ({ pem }: { pem: string }): string[] => [
    '    - |',
    ...pem
      .trim()
      .split('\n')
      .map((line) => `      ${line}`),
  ]
  return {
    lines: [
      'status:',
      '  keys:',
      ...publicKeys.flatMap(key),
      isFresh ? `  max-age: ${maxAgeDays}d` : `  # max-age: ${maxAgeDays}d`,
    ],
    warnings: isFresh ? [] : [warning],
  }
}

import { hash } from 'node:crypto'

type Xattrs = Readonly<Record<string, string>>

/** Longest value that an inventory holds as it is, in bytes; file capabilities have 20 or 24. */
const plainLimit = 64

/**
 * Extended attributes as an inventory has them: each value in hexadecimal, or `sha256:` and its digest where it has more than 64 bytes or none.
 *
 * @param xattrs raw bytes as latin1
 */
export function inventoryXattrs(xattrs: Xattrs): Record<string, string> | undefined {
  const entries = Object.entries(xattrs)
  if (entries.length === 0) return undefined
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const bytes = Buffer.from(value, 'latin1')
      return [
        name,
        bytes.length > plainLimit || bytes.length === 0 ? `sha256:${hash('sha256', bytes)}` : bytes.toString('hex'),
      ]
    }),
  )
}

/** A name that `before` has and `after` has not; null where there is none. */
export function lostXattr(before: Xattrs, after: Xattrs): string | null {
  return Object.keys(before).find((name) => !Object.hasOwn(after, name)) ?? null
}

/** A name that `more` has with another value than `base`; null where there is none. */
export function otherXattr(base: Xattrs, more: Xattrs): string | null {
  return Object.keys(more).find((name) => !Object.hasOwn(base, name) || base[name] !== more[name]) ?? null
}

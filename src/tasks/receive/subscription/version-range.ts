import { InputError } from '../../../base/errors.ts'

/** A version of semver.org 2.0.0; a leading `v` is dropped, build metadata too. */
export interface Version {
  readonly numbers: readonly [number, number, number]
  /** Identifiers of a pre-release; empty for a release. */
  readonly pre: readonly string[]
}

const form = /^v?(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z.-]{1,64}))?(?:\+[0-9A-Za-z.-]+)?$/
/** As {@link form}, but minor and patch may be left out or `x`. */
const partial =
  /^(>=|<=|>|<|=|\^|~)?v?(\d{1,9})(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?(?:-([0-9A-Za-z.-]{1,64}))?$/

/** The version that a tag states; null for a tag that is none. */
export function parseVersion(tag: string): Version | null {
  const found = form.exec(tag)
  if (found === null) return null
  const [, major, minor, patch, pre] = found
  return { numbers: [Number(major), Number(minor), Number(patch)], pre: pre === undefined ? [] : pre.split('.') }
}

/** Order of two versions by semver.org §11: below 0, 0, above 0. */
export function compareVersions(a: Version, b: Version): number {
  for (const [i, number] of a.numbers.entries()) {
    const difference = number - (b.numbers[i] ?? 0)
    if (difference !== 0) return difference
  }
  if (a.pre.length === 0 || b.pre.length === 0) return b.pre.length - a.pre.length
  for (const [i, one] of a.pre.entries()) {
    const other = b.pre[i]
    if (other === undefined) return 1
    if (one === other) continue
    const [x, y] = [one, other].map((text) => (/^\d+$/.test(text) ? Number(text) : null))
    if (typeof x === 'number' && typeof y === 'number') return x - y
    // Numbers come before words.
    if (typeof x === 'number') return -1
    if (typeof y === 'number') return 1
    return one < other ? -1 : 1
  }
  return a.pre.length - b.pre.length
}

/**
 * Reads a range: comparators with a blank between them, all of which have to hold: `>=1.2.0 <2`, `^1.2`, `~1.2.3`, `1.x`. A pre-release fits only
 * where the range names one of the same version.
 *
 * @throws InputError `input-invalid`
 */
export function versionRange(text: string): (tag: string) => boolean {
  const parts = text.split(/\s+/).filter((part) => part !== '')
  const bounds = parts.map(boundsOf)
  if (parts.length === 0) throw invalid(text)
  const pre = new Set(parts.filter((part) => partial.exec(part)?.[5] !== undefined).map(numbersOf))
  return (tag) => {
    const version = parseVersion(tag)
    if (version === null || (version.pre.length > 0 && !pre.has(version.numbers.join('.')))) return false
    return bounds.every((fits) => fits(version))
  }
}

/** `2.0.0` of `>=2.0.0-rc.1`. */
function numbersOf(part: string): string {
  const [, , major = '0', minor = '0', patch = '0'] = partial.exec(part) ?? []
  return [major, minor, patch].join('.')
}

function boundsOf(part: string): (version: Version) => boolean {
  const found = partial.exec(part)
  if (found === null) throw invalid(part)
  const [, sign = '', first, second, third, pre] = found
  const [major, minor, patch] = [first, second, third].map((one) =>
    one === undefined || /[xX*]/.test(one) ? null : Number(one),
  )
  const low: Version = { numbers: [major ?? 0, minor ?? 0, patch ?? 0], pre: pre === undefined ? [] : pre.split('.') }
  /** The first version that is not covered by what was written: `1.2` covers up to 1.3.0. */
  const after = (at: 0 | 1 | 2): Version => {
    const numbers: [number, number, number] = [0, 0, 0]
    for (let i = 0; i <= at; i++) numbers[i] = low.numbers[i] ?? 0
    numbers[at] += 1
    // Below every pre-release of it.
    return { numbers, pre: ['0'] }
  }
  const written = patch !== null && patch !== undefined ? 2 : minor !== null && minor !== undefined ? 1 : 0
  const atLeast = (version: Version): boolean => compareVersions(version, low) >= 0
  const below = (end: Version) => (version: Version) => compareVersions(version, end) < 0
  switch (sign) {
    case '>=':
      return atLeast
    case '<':
      return below(low)
    case '>':
      return written === 2
        ? (version) => compareVersions(version, low) > 0
        : (version) => !below(after(written))(version)
    case '<=':
      return written === 2 ? (version) => compareVersions(version, low) <= 0 : below(after(written))
    case '^': {
      const end = after((major ?? 0) > 0 || written === 0 ? 0 : (minor ?? 0) > 0 || written === 1 ? 1 : 2)
      return (version) => atLeast(version) && below(end)(version)
    }
    case '~': {
      const end = after(written === 0 ? 0 : 1)
      return (version) => atLeast(version) && below(end)(version)
    }
    default:
      if (written === 2) return (version) => compareVersions(version, low) === 0
      return (version) => atLeast(version) && below(after(written))(version)
  }
}

function invalid(part: string): InputError {
  return new InputError('input-invalid', `tags: ${JSON.stringify(part)} is not a range of versions`, {
    subject: 'tags',
    remedy: 'Write semver:>=1.2.0 <2, semver:^1.2, semver:~1.2.3 or semver:1.x; other tags are patterns with *.',
  })
}

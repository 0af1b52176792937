import type { GoModule } from './go-build-info.ts'

/** Variables that hold a version by their names: `main.gitVersion`, then `main.tag`. */
const variables = [/\.[a-zA-Z0-9]*ver(?:sion)?$/i, /\.[a-zA-Z0-9]*tag$/i] as const
const versionText = /^v?\d+\.\d+\.\d+[-\w]*/

/** Longest `-ldflags` that is searched, so that a hostile one costs no time. */
const longestFlags = 1 << 16

/**
 * The version of a main module: its own, else the one that its linker flags set, else Go's pseudo-version of the recorded commit; empty where
 * nothing gives one.
 */
export function mainVersion(main: GoModule, settings: readonly (readonly [string, string])[]): string {
  if (main.version !== '(devel)') return main.version
  const setting = (key: string): string | undefined => settings.find(([name]) => name === key)?.[1]
  const flags = setting('-ldflags')
  const set = flags === undefined ? null : fromFlags(flags.slice(0, longestFlags), main.path)
  if (set !== null) return set.startsWith('v') ? set : `v${set}`
  const [revision, time] = [setting('vcs.revision'), setting('vcs.time')]
  if (revision === undefined || time === undefined) return ''
  // https://go.dev/ref/mod#pseudo-versions: no known tag, UTC time of the commit, twelve characters of its hash.
  const [, y, m, d, h, min, s] = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$/.exec(time) ?? []
  return s === undefined ? '' : `v0.0.0-${y}${m}${d}${h}${min}${s}-${revision.slice(0, 12)}`
}

/** Only variables of the program itself count, not of a library that it sets up. */
function fromFlags(flags: string, path: string): string | null {
  const words = flags.split(/\s+/).map((word) => word.replace(/^['"]+/, '').replace(/^--?X=['"]?/, ''))
  for (const variable of variables) {
    for (const word of words) {
      const equals = word.indexOf('=')
      const name = word.slice(0, Math.max(equals, 0))
      if (!(/(?:^|\/)main\./.test(name) || name.startsWith(`${path}/`)) || !variable.test(name)) continue
      // `refs/tags/v1.2.3`: the version is the last part that looks like one.
      const found = word
        .slice(equals + 1)
        .split('/')
        .map((part) => versionText.exec(part)?.[0])
        .findLast((part) => part !== undefined)
      if (found !== undefined) return found
    }
  }
  return null
}

/** A group of fixtures, and which of syft's catalogers answer for it. */
export interface Ecosystem {
  /** Folder below `syft/pkg/cataloger`. */
  name: string
  /** syft's catalogers; what others find in these files does not count. */
  catalogers: readonly string[]
  /**
   * Fixtures that syft's own tests hand to a parser by hand, and the name under which a scan finds them.
   * Paths below `testdata`.
   */
  place?: Readonly<Record<string, string>>
  /** Packages that syft finds, counted once per fixture. A change means that the fixtures or syft are others than described. */
  expected: number
}

/** One package in one fixture: a row of the comparison. */
export interface Row {
  ecosystem: string
  /** First part of the path below `testdata`. */
  fixture: string
  /** `type namespace/name@version`, from the package URL. */
  package: string
}

export interface SyftRow extends Row {
  /** syft does not know the Maven group. */
  groupless: boolean
}

/** Why a row is on one side only. The list is closed: a new reason needs a decision. */
export const reasons = {
  'not-installed': 'the file says that the package is not there',
  'damaged-database': 'the fixture is damaged on purpose; an image with it is refused',
  'not-a-package': 'what syft lists names no package (a placeholder, a variable)',
  'other-version': 'both find it; the version differs, and the file says ours',
  'other-name': 'both find it; the name differs, and the specification of package URLs says ours',
  'no-evidence': 'syft guesses name or version from the name of a file or folder that says nothing',
  'source-tree': 'syft reads it in images only from files that a build does not leave there',
  'syft-misses': 'the file names it, and syft does not list it',
} as const

export type Reason = keyof typeof reasons

export interface Exception extends Row {
  side: 'missing' | 'extra'
  reason: Reason
}

export interface Verdict {
  ecosystem: string
  /** Fixtures with at least one expected package. */
  fixtures: number
  expected: number
  found: number
  /** Each without a reason fails the run. */
  missing: { row: Row; reason: Reason | null }[]
  extra: { row: Row; reason: Reason | null }[]
}

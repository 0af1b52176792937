import type { Description } from './model.ts'

export interface Quality {
  present: number
  unknown: number
  absent: number
  /** One line for people. */
  text: string
  /** Each element with its state. */
  elements: { element: string; state: 'present' | 'declared unknown' | 'absent' }[]
}

/**
 * How many of the 17 minimum elements of CISA's 2026 list are there, said to be unknown, or missing. An element of packages counts as
 * present only when every package has it. The signature and the author who is a person or organization of the publisher come with the
 * statement: within the document they are absent.
 */
export function measureQuality(description: Description): Quality {
  const { packages } = description
  const all = (has: (found: (typeof packages)[number]) => boolean): 'present' | 'declared unknown' =>
    packages.every(has) ? 'present' : 'declared unknown'
  const elements: Quality['elements'] = [
    { element: 'SBOM author', state: 'declared unknown' },
    { element: 'SBOM author signature', state: 'absent' },
    { element: 'data format name', state: 'present' },
    { element: 'data format version', state: 'present' },
    { element: 'generation context', state: 'present' },
    { element: 'timestamp', state: 'present' },
    { element: 'tool name', state: 'present' },
    { element: 'tool version', state: 'present' },
    { element: 'SBOM version', state: 'present' },
    { element: 'producer', state: all(({ supplier }) => supplier !== null) },
    { element: 'dependency relationship', state: 'present' },
    // What was installed has no archive any more that a hash could be of; files are in the inventory.
    { element: 'hash value', state: packages.length === 0 ? 'present' : 'absent' },
    { element: 'hash algorithm', state: packages.length === 0 ? 'present' : 'absent' },
    { element: 'identifiers', state: 'present' },
    { element: 'licence', state: all(({ licence }) => licence !== null) },
    { element: 'component name', state: 'present' },
    { element: 'component version', state: 'present' },
  ]
  const count = (state: string): number => elements.filter((element) => element.state === state).length
  const [present, unknown, absent] = [count('present'), count('declared unknown'), count('absent')]
  const text = `CISA 2026 minimum elements: ${present} present, ${unknown} declared unknown, ${absent} absent (of ${elements.length})`
  return { present, unknown, absent, text, elements }
}

import { emptyItem } from '../documents/empty.ts'
import type { DocumentPackage, SbomDocument } from '../documents/model.ts'

export const profiles = ['cisa-2026', 'ntia-2021', 'bsi-2.1', 'general'] as const
export type Profile = (typeof profiles)[number]

export const states = ['present', 'declared unknown', 'absent'] as const
export type State = (typeof states)[number]

export interface Element {
  element: string
  state: State
  /** What is lacking, for people; empty where it is present. */
  why: string
}

/** How far a document has what a profile asks for. */
export interface Score {
  profile: Profile
  title: string
  elements: Element[]
  present: number
  unknown: number
  absent: number
  /** One line for people. */
  text: string
  /** Nothing is absent. */
  passed: boolean
  /** `general` alone: 0 to 10 with one decimal, and its grade. */
  value?: number
  grade?: string
}

/** Counts the states of elements. */
export function scoreOf(profile: Profile, title: string, elements: Element[]): Score {
  const count = (state: State): number => elements.filter((element) => element.state === state).length
  const [present, unknown, absent] = [count('present'), count('declared unknown'), count('absent')]
  const text = `${title}: ${present} present, ${unknown} declared unknown, ${absent} absent (of ${elements.length})`
  return { profile, title, elements, present, unknown, absent, text, passed: absent === 0 }
}

/** An element that the document itself has or lacks. */
export function whole(element: string, has: boolean, unknown = false): Element {
  if (has) return { element, state: 'present', why: '' }
  return unknown
    ? { element, state: 'declared unknown', why: 'the document says that it is not known' }
    : { element, state: 'absent', why: 'the document does not have it' }
}

/**
 * An element that every package has to have. It is present only where the document describes everything: with a gap, or with files that no
 * package owns, there is software whose element nobody knows. So a description never scores higher because it found less. Without any package
 * the element is absent.
 *
 * @param fact the word by which our documents declare it unknown
 */
export function everyPackage(
  element: string,
  document: SbomDocument,
  has: (item: DocumentPackage) => boolean,
  fact = '',
): Element {
  const packages = described(document)
  if (packages.length === 0) return { element, state: 'absent', why: 'the document lists no packages' }
  const lacking = packages.filter((item) => !has(item))
  const silent = lacking.filter(({ declaredUnknown }) => !declaredUnknown.includes(fact))
  const names = (list: readonly DocumentPackage[]): string =>
    `${list.length} of ${packages.length} packages (${list
      .slice(0, 3)
      .map(({ name }) => name)
      .join(', ')}${list.length > 3 ? ', …' : ''})`
  if (silent.length > 0) return { element, state: 'absent', why: `missing in ${names(silent)}` }
  if (lacking.length > 0) return { element, state: 'declared unknown', why: `declared unknown for ${names(lacking)}` }
  const hidden = undescribed(document)
  return hidden === null ? { element, state: 'present', why: '' } : { element, state: 'declared unknown', why: hidden }
}

/** Packages that are judged. The operating system is a mark of ours; a document of another tool may describe its subject alone. */
export function described(document: SbomDocument): DocumentPackage[] {
  const packages = document.packages.filter(({ kind }) => kind !== 'operating-system')
  const { identity, supplier, inventory } = document
  if (packages.length > 0 || identity.name === null || inventory !== null || identity.type === 'container')
    return packages
  const { id, concluded, name } = identity
  return [{ ...emptyItem(id ?? '', ''), ...identity, id: id ?? '', concluded: concluded ?? null, name, supplier }]
}

/** What a document says that it does not describe, or null. */
function undescribed({ gaps, coverage }: SbomDocument): string | null {
  if (gaps.length > 0) return `${gaps.length} paths could not be read`
  const files = coverage?.unattributed ?? 0
  return files === 0 ? null : `${files} files belong to no package`
}

/** Whether a document declares a fact of itself unknown. */
export function declares({ properties }: SbomDocument, fact: string): boolean {
  return properties.some(([name, value]) => name === 'unknown' && value === fact)
}

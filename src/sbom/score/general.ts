import type { DocumentPackage, SbomDocument } from '../documents/model.ts'
import { hasHash, hasIdentifier, hasLicence } from './minimum.ts'
import { described, everyPackage, scoreOf, whole, type Element, type Score } from './types.ts'

interface Feature {
  element: Element
  /** 0 to 1. */
  share: number
}

const grades: readonly (readonly [number, string])[] = [
  [9, 'A'],
  [8, 'B'],
  [7, 'C'],
  [5, 'D'],
]

/**
 * A general score in seven weighted categories, as tools of the field have it. Where a document says that it does not describe everything, an
 * element of packages is worth half at most, however many of the packages it does list have it.
 */
export function general(document: SbomDocument): Score {
  const { authors, created, engine, lifecycle, uri, identity, relationships, completeness } = document
  const one = (name: string, is: boolean): Feature => ({ element: whole(name, is), share: is ? 1 : 0 })
  const each = (name: string, test: (item: DocumentPackage) => boolean, fact = ''): Feature => {
    const element = everyPackage(name, document, test, fact)
    return { element, share: shareOf(element, document, test) }
  }
  const categories: readonly (readonly [weight: number, features: readonly Feature[]])[] = [
    [
      10,
      [
        each('name', ({ name }) => name !== ''),
        each('version', ({ version }) => version !== null, 'version'),
        one('subject', identity.name !== null),
      ],
    ],
    [
      12,
      [
        one('author', authors.length > 0),
        one('timestamp', created !== null),
        one('tool and version', engine !== null && engine.version !== null),
        one('lifecycle', lifecycle !== null),
        one('URI of the document', uri !== null),
      ],
    ],
    [15, [each('checksums', hasHash, 'checksums')]],
    [
      12,
      [
        one('relationships', relationships.length > 0),
        one('list of packages said to be complete', completeness === 'complete'),
        each('supplier', (item) => (item.supplier ?? item.producer) !== null, 'supplier'),
      ],
    ],
    [15, [each('licence', hasLicence, 'licence')]],
    [10, [each('purl or CPE', hasIdentifier, 'identifiers')]],
    [8, [one('format that tools read', true)]],
  ]
  const total = categories.reduce((sum, [weight, features]) => sum + weight * mean(features), 0)
  const weights = categories.reduce((sum, [weight]) => sum + weight, 0)
  const value = Math.floor((total / weights) * 100) / 10
  const grade = grades.find(([least]) => value >= least)?.[1] ?? 'F'
  const score = scoreOf(
    'general',
    'General score',
    categories.flatMap(([, features]) => features.map(({ element }) => element)),
  )
  return { ...score, value, grade, text: `General score: ${value} of 10, grade ${grade}` }
}

function mean(features: readonly Feature[]): number {
  return features.reduce((sum, { share }) => sum + share, 0) / features.length
}

function shareOf(element: Element, document: SbomDocument, test: (item: DocumentPackage) => boolean): number {
  if (element.state === 'present') return 1
  const describesAll = document.gaps.length === 0 && (document.coverage?.unattributed ?? 0) === 0
  // What is found in part cannot be weighed against what was not found: only whether unknown is said to be unknown counts.
  if (!describesAll) return element.state === 'declared unknown' ? 0.5 : 0
  const packages = described(document)
  return packages.length === 0 ? 0 : packages.filter(test).length / packages.length
}

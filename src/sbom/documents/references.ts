import { table } from '../../base/table.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { objects, text } from './members.ts'
import type { DocumentReference } from './model.ts'
import { checksumOf } from './values.ts'

/** A reference whole, where the field of a format holds a part of it: SPDX has no checksums there, each format has words of its own. */
export const referenceFact = 'sealwright:reference'

/** By this comment our reader knows a file that stands for a reference of its package. */
export const distributionComment = 'distribution of the package'

/** Words of SPDX 3.0.1 that are not CycloneDX' word in another spelling. */
const irregular: Readonly<Record<string, string>> = table({
  sourceArtifact: 'source-distribution',
  altWebPage: 'website',
  altDownloadLocation: 'distribution',
  securityAdvisory: 'advisories',
  socialMedia: 'social',
})
const toIrregular = new Map(Object.entries(irregular).map(([word, type]) => [type, word]))
/** Types that SPDX 3.0.1 spells `issueTracker` where CycloneDX spells `issue-tracker`. */
const regular = new Set(
  (
    'vcs issue-tracker mailing-list chat documentation support license build-meta build-system release-notes risk-assessment ' +
    'certification-report component-analysis-report static-analysis-report dynamic-analysis-report runtime-analysis-report'
  ).split(' '),
)

/** The type of a reference in CycloneDX' words. */
export function fromSpdx3(word: string): string {
  return irregular[word] ?? word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Its word in SPDX 3.0.1; `other` where that has none. */
export function toSpdx3(type: string): string {
  return (
    toIrregular.get(type) ??
    (regular.has(type) ? type.replace(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase()) : 'other')
  )
}

/** Takes facts about references: where there is one, they are all references of the thing. @returns the other facts */
export function takeReferences<F extends [name: string, value: string]>(
  holder: { references: DocumentReference[] },
  facts: readonly F[],
): F[] {
  const found = facts.flatMap(([name, value]) => (name === referenceFact ? referenceOf(value) : []))
  if (found.length > 0) holder.references = found
  return facts.filter(([name]) => name !== referenceFact)
}

function referenceOf(value: string): DocumentReference[] {
  const found = parseJson(value, 'a reference of the document')
  if (!isObject(found)) return []
  const checksums = objects(found, 'checksums').flatMap(
    (sum) => checksumOf(text(sum, 'algorithm'), text(sum, 'value')) ?? [],
  )
  return [{ type: text(found, 'type') ?? 'other', url: text(found, 'url') ?? '', checksums }]
}

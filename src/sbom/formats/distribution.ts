import type { DocumentReference } from '../documents/model.ts'
import { distributionComment } from '../documents/references.ts'

/** BSI TR-03183-2 §8: what a distribution is, in the words of SPDX 3. */
const purposes = [
  ['executable', 'true', 'executable'],
  ['archive', 'true', 'archive'],
  ['structured', 'true', 'container'],
  ['structured', 'false', 'firmware'],
] as const

/**
 * The file in which a package is distributed, as SPDX 3 has it beside the package; null where no reference names one. Its name is the one that
 * the document gives, else the last part of its address.
 */
export function distributionFile(
  references: readonly DocumentReference[],
  properties: readonly (readonly [name: string, value: string])[],
): { name: string; checksums: DocumentReference['checksums']; members: object } | null {
  const reference = references.find(({ type }) => type === 'distribution' || type === 'distribution-intake')
  if (reference === undefined) return null
  const { url, checksums } = reference
  const fact = (wanted: string): string | undefined =>
    properties.find(([name]) => name === wanted || name === `bsi:component:${wanted}`)?.[1]
  const path = url.split(/[?#]/)[0] ?? ''
  const name = fact('filename') ?? path.slice(path.lastIndexOf('/') + 1)
  if (name === '') return null
  const found = purposes.flatMap(([property, value, purpose]) => (fact(property) === value ? [purpose] : []))
  const members = {
    comment: distributionComment,
    externalRef: [{ type: 'ExternalRef', externalRefType: 'binaryArtifact', locator: [url] }],
    ...(found.length === 0 ? {} : { software_additionalPurpose: found }),
  }
  return { name, checksums, members }
}

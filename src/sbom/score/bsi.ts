import type { DocumentPackage, SbomDocument } from '../documents/model.ts'
import { spdxExpression } from '../licence.ts'
import type { Party } from '../model.ts'
import { hasIdentifier } from './minimum.ts'
import { everyPackage, scoreOf, whole, type Element, type Score } from './types.ts'

/** BSI TR-03183-2 v2.1.0: required fields, then the additional ones that apply. It takes CycloneDX 1.6 and newer and SPDX 3.0.1 alone. */
export function bsi21(document: SbomDocument): Score {
  const { format, formatVersion, authors, created, uri } = document
  const known =
    (format === 'cyclonedx-json' && ['1.6', '1.7'].includes(formatVersion)) ||
    (format === 'spdx3-json' && formatVersion.startsWith('3.0.'))
  const linked = new Set(
    document.relationships.flatMap(({ from, type, to }) => (type === 'depends-on' ? [from, to] : [])),
  )
  const each = (element: string, has: (item: DocumentPackage) => boolean, fact?: string): Element =>
    everyPackage(element, document, has, fact)
  return scoreOf('bsi-2.1', 'BSI TR-03183-2 v2.1.0', [
    whole('format: CycloneDX 1.6 or SPDX 3.0.1', known),
    whole('SBOM creator with e-mail or URL', authors.some(isReachable)),
    whole('timestamp', created !== null),
    whole('SBOM-URI', uri !== null),
    each(
      'component creator with e-mail or URL',
      (item) => isReachable(item.producer) || isReachable(item.supplier),
      'supplier',
    ),
    each('component name', ({ name }) => name !== ''),
    each('component version', ({ version }) => version !== null, 'version'),
    each('filename', (item) => has(item, 'filename')),
    each('dependencies', ({ id, dependencies }) => dependencies !== null || linked.has(id)),
    each(
      'distribution licence (concluded)',
      ({ concluded }) => concluded !== null && spdxExpression(concluded) !== null,
    ),
    each('SHA-512 of the deployable component', hasDeployableHash),
    each('executable property', (item) => has(item, 'executable')),
    each('archive property', (item) => has(item, 'archive')),
    each('structured property', (item) => has(item, 'structured')),
    each('source code URI', ({ references }) =>
      references.some(({ type }) => type === 'source-distribution' || type === 'vcs'),
    ),
    each('URI of the deployable component', ({ references }) => references.some(({ type }) => isDistribution(type))),
    each('other unique identifiers', hasIdentifier),
    each('original licences (declared)', ({ licence, licenceText }) => (licence ?? licenceText) !== null, 'licence'),
  ])
}

function isReachable(party: Party | null): boolean {
  if (party === null) return false
  return /^[^@\s]+@[^@\s]+$/.test(party.email ?? '') || /^https?:\/\/[^\s]+$/i.test(party.url ?? '')
}

function has({ properties }: DocumentPackage, name: string): boolean {
  return properties.some(([key]) => key === `bsi:component:${name}` || key === name)
}

function isDistribution(type: string): boolean {
  return type === 'distribution' || type === 'distribution-intake'
}

function hasDeployableHash({ references }: DocumentPackage): boolean {
  return references.some(
    ({ type, checksums }) => isDistribution(type) && checksums.some(({ algorithm }) => algorithm === 'SHA-512'),
  )
}

import type { DocumentPackage, SbomDocument } from '../documents/model.ts'
import { declares, described, everyPackage, scoreOf, whole, type Element, type Score } from './types.ts'

/** The 17 minimum elements of CISA's list of July 2026; a tool does not count as author. */
export function cisa2026(document: SbomDocument): Score {
  const { authors, engine, lifecycle, created, revision, uri } = document
  return scoreOf('cisa-2026', 'CISA 2026 minimum elements', [
    whole('SBOM author', authors.length > 0, declares(document, 'author')),
    // It stands beside the document: in the envelope of its statement.
    whole('SBOM author signature', false),
    whole('data format name', true),
    whole('data format version', document.formatVersion !== ''),
    whole('generation context', lifecycle !== null),
    whole('timestamp', created !== null),
    whole('tool name', engine !== null),
    whole('tool version', engine !== null && engine.version !== null),
    whole('SBOM version', revision !== null || uri !== null),
    everyPackage('producer', document, (item) => (item.producer ?? item.supplier) !== null, 'supplier'),
    dependencies(document),
    everyPackage('hash value', document, hasHash, 'checksums'),
    everyPackage('hash algorithm', document, hasHash, 'checksums'),
    everyPackage('identifiers', document, hasIdentifier, 'identifiers'),
    everyPackage('licence', document, hasLicence, 'licence'),
    everyPackage('component name', document, ({ name }) => name !== ''),
    everyPackage('component version', document, ({ version }) => version !== null, 'version'),
  ])
}

/** The seven elements of NTIA's list of 2021; a tool may be the author. */
export function ntia2021(document: SbomDocument): Score {
  const { authors, tools, created } = document
  return scoreOf('ntia-2021', 'NTIA 2021 minimum elements', [
    everyPackage('supplier name', document, (item) => (item.supplier ?? item.producer) !== null, 'supplier'),
    everyPackage('component name', document, ({ name }) => name !== ''),
    everyPackage('component version', document, ({ version }) => version !== null, 'version'),
    everyPackage('other unique identifiers', document, hasIdentifier, 'identifiers'),
    dependencies(document),
    whole('author of SBOM data', authors.length > 0 || tools.length > 0),
    whole('timestamp', created !== null),
  ])
}

/** At least from the subject to what it depends on or contains; what is said to be unknown counts as declared. */
function dependencies(document: SbomDocument): Element {
  const { identity, packages, relationships, gaps } = document
  const element = 'dependency relationship'
  const named =
    relationships.some(({ from, type }) => type === 'depends-on' || (type === 'contains' && from === identity.id)) ||
    (packages.length === 0 && described(document).length > 0)
  if (!named) return { element, state: 'absent', why: 'no relationship from the subject to its parts' }
  const unknown = packages.filter(
    (item) => item.dependencies === 'unknown' || item.dependencies === 'incomplete',
  ).length
  if (unknown === 0 && gaps.length === 0) return { element, state: 'present', why: '' }
  return { element, state: 'declared unknown', why: `the dependencies of ${unknown} packages are not known completely` }
}

export function hasHash({ checksums, references }: DocumentPackage): boolean {
  return checksums.length > 0 || references.some((item) => item.type === 'distribution' && item.checksums.length > 0)
}

export function hasIdentifier({ purl, purlError, cpes, identifiers }: DocumentPackage): boolean {
  return (purl !== null && purlError !== true) || cpes.length > 0 || identifiers.length > 0
}

export function hasLicence({ licence, licenceText, concluded }: DocumentPackage): boolean {
  return (licence ?? licenceText ?? concluded) !== null
}

import type { DocumentFormat, DocumentIdentity, DocumentPackage, SbomDocument } from './model.ts'

/** A document of which nothing but its format is known yet: what readers fill in. */
export function emptyDocument(format: DocumentFormat, formatVersion: string): SbomDocument {
  return {
    format,
    formatVersion,
    name: null,
    uri: null,
    revision: null,
    identity: emptyIdentity(),
    engine: null,
    tools: [],
    catalogers: null,
    lifecycle: null,
    completeness: 'unknown',
    gaps: [],
    authors: [],
    supplier: null,
    created: null,
    packages: [],
    relationships: [],
    files: null,
    inventory: null,
    coverage: null,
    properties: [],
  }
}

function emptyIdentity(): DocumentIdentity {
  return {
    id: null,
    name: null,
    version: null,
    type: null,
    purl: null,
    cpes: [],
    manifestDigest: null,
    configDigest: null,
    diffIds: [],
    platform: null,
    checksums: [],
    licence: null,
    producer: null,
    references: [],
    dependencies: null,
  }
}

export function emptyItem(id: string, name: string): DocumentPackage {
  return {
    id,
    type: null,
    kind: null,
    name,
    version: null,
    purl: null,
    cpes: [],
    identifiers: [],
    licence: null,
    licenceText: null,
    concluded: null,
    supplier: null,
    producer: null,
    homepage: null,
    checksums: [],
    locations: [],
    scope: null,
    dependencies: null,
    cataloger: null,
    references: [],
    properties: [],
    declaredUnknown: [],
  }
}

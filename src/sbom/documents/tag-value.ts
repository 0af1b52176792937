import { table } from '../../base/table.ts'
import { VerificationError } from '../../base/errors.ts'
import type { JsonObject, JsonValue } from '../../base/json.ts'

/** How the value of a tag goes into the JSON form of SPDX 2. */
type Put = (holder: JsonObject, value: string) => void

const one =
  (member: string): Put =>
  (holder, value) => {
    if (holder[member] !== undefined) throw bad(`${member} stands twice`)
    holder[member] = value
  }
const many =
  (member: string, read: (value: string) => JsonValue = (value) => value): Put =>
  (holder, value) => {
    const held = holder[member]
    if (Array.isArray(held)) held.push(read(value))
    else holder[member] = [read(value)]
  }

const documentTags: Readonly<Record<string, Put>> = table({
  SPDXVersion: one('spdxVersion'),
  DataLicense: one('dataLicense'),
  DocumentName: one('name'),
  DocumentNamespace: one('documentNamespace'),
  DocumentComment: one('comment'),
  ExternalDocumentRef: many('externalDocumentRefs', externalDocument),
})
const creationTags: Readonly<Record<string, Put>> = table({
  Creator: many('creators'),
  Created: one('created'),
  CreatorComment: one('comment'),
  LicenseListVersion: one('licenseListVersion'),
})
const packageTags: Readonly<Record<string, Put>> = table({
  PackageVersion: one('versionInfo'),
  PackageFileName: one('packageFileName'),
  PackageSupplier: one('supplier'),
  PackageOriginator: one('originator'),
  PackageDownloadLocation: one('downloadLocation'),
  FilesAnalyzed: (holder, value) => {
    holder['filesAnalyzed'] = value === 'true'
  },
  PackageVerificationCode: (holder, value) => {
    const [code = '', excluded] = value.split(/\s*\(excludes:\s*/)
    holder['packageVerificationCode'] = {
      packageVerificationCodeValue: code,
      ...(excluded === undefined ? {} : { packageVerificationCodeExcludedFiles: [excluded.replace(/\)$/, '')] }),
    }
  },
  PackageChecksum: many('checksums', checksum),
  PackageHomePage: one('homepage'),
  PackageSourceInfo: one('sourceInfo'),
  PackageLicenseConcluded: one('licenseConcluded'),
  PackageLicenseInfoFromFiles: many('licenseInfoFromFiles'),
  PackageLicenseDeclared: one('licenseDeclared'),
  PackageLicenseComments: one('licenseComments'),
  PackageCopyrightText: one('copyrightText'),
  PackageSummary: one('summary'),
  PackageDescription: one('description'),
  PackageComment: one('comment'),
  PackageAttributionText: many('attributionTexts'),
  PrimaryPackagePurpose: one('primaryPackagePurpose'),
  BuiltDate: one('builtDate'),
  ReleaseDate: one('releaseDate'),
  ValidUntilDate: one('validUntilDate'),
  ExternalRef: many('externalRefs', externalRef),
  ExternalRefComment: (holder, value) => last(holder, 'externalRefs', 'comment', value),
})
const fileTags: Readonly<Record<string, Put>> = table({
  FileType: many('fileTypes'),
  FileChecksum: many('checksums', checksum),
  LicenseConcluded: one('licenseConcluded'),
  LicenseInfoInFile: many('licenseInfoInFiles'),
  LicenseComments: one('licenseComments'),
  FileCopyrightText: one('copyrightText'),
  FileComment: one('comment'),
  FileNotice: one('noticeText'),
  FileContributor: many('fileContributors'),
  FileAttributionText: many('attributionTexts'),
  FileDependency: many('fileDependencies'),
  ArtifactOfProjectName: ignore,
  ArtifactOfProjectHomePage: ignore,
  ArtifactOfProjectURI: ignore,
})
const licenceTags: Readonly<Record<string, Put>> = table({
  ExtractedText: one('extractedText'),
  LicenseName: one('name'),
  LicenseComment: one('comment'),
  LicenseCrossReference: many('seeAlsos'),
})
/** Sections whose content the model does not have. */
const ignored = /^(?:Snippet|Review|LicenseInfoInSnippet)/

/**
 * SPDX 2 tag-value in the form of its JSON, so that one schema and one reader serve both.
 *
 * @throws VerificationError `format-invalid` with the line
 */
export function tagValueToJson(text: string): JsonObject {
  const creationInfo: JsonObject = {}
  const document: JsonObject = { SPDXID: '', creationInfo }
  let current: { holder: JsonObject; tags: Readonly<Record<string, Put>> } = { holder: document, tags: {} }
  let annotation: JsonObject | null = null
  for (const { tag, value, line } of pairs(text)) {
    try {
      const put = current.tags[tag] ?? documentTags[tag]
      if (creationTags[tag] !== undefined) creationTags[tag](creationInfo, value)
      else if (tag === 'PackageName')
        current = { holder: section(document, 'packages', 'name', value), tags: packageTags }
      else if (tag === 'FileName') current = { holder: section(document, 'files', 'fileName', value), tags: fileTags }
      else if (tag === 'LicenseID')
        current = { holder: section(document, 'hasExtractedLicensingInfos', 'licenseId', value), tags: licenceTags }
      else if (tag === 'SnippetSPDXID') current = { holder: {}, tags: {} }
      else if (tag === 'SPDXID') current.holder['SPDXID'] = value
      else if (tag === 'Relationship') many('relationships', relationship)(document, value)
      else if (tag === 'RelationshipComment') last(document, 'relationships', 'comment', value)
      else if (tag === 'Annotator') annotation = { annotator: value }
      else if (annotation !== null && tag === 'AnnotationDate') annotation['annotationDate'] = value
      else if (annotation !== null && tag === 'AnnotationComment') annotation['comment'] = value
      else if (annotation !== null && tag === 'AnnotationType') annotation['annotationType'] = value
      else if (annotation !== null && tag === 'SPDXREF') annotate(document, value, annotation)
      else if (put !== undefined) put(tag in documentTags ? document : current.holder, value)
      else if (!ignored.test(tag)) throw bad(`"${tag}" is not a tag that may stand here`)
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      throw new VerificationError('format-invalid', `line ${line}: ${error.message}`, {
        subject: `line ${line}`,
        remedy: 'Give SPDX 2.2 or 2.3 tag-value, as the specification has it.',
      })
    }
  }
  return document
}

/** Lines `Tag: value`; a value in `<text>` may span several lines. */
function* pairs(text: string): Generator<{ tag: string; value: string; line: number }> {
  const lines = text.split(/\r?\n/)
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const start = at + 1
    if (/^\s*(?:#|$)/.test(line)) continue
    const colon = line.indexOf(':')
    if (colon < 1) throw bad(`line ${start}: "${line.slice(0, 80)}" is not "Tag: value"`)
    const tag = line.slice(0, colon).trim()
    let value = line.slice(colon + 1).trim()
    if (value.startsWith('<text>')) {
      const parts = [value.slice('<text>'.length)]
      while (!(parts.at(-1) ?? '').includes('</text>')) {
        at++
        const next = lines[at]
        if (next === undefined) throw bad(`line ${start}: <text> has no end`)
        parts.push(next)
      }
      const whole = parts.join('\n')
      value = whole.slice(0, whole.indexOf('</text>'))
    }
    yield { tag, value, line: start }
  }
}

function section(document: JsonObject, list: string, member: string, value: string): JsonObject {
  const item: JsonObject = { [member]: value }
  const held = document[list]
  if (Array.isArray(held)) held.push(item)
  else document[list] = [item]
  return item
}

/** An annotation goes to the element that it names: packages have their own, all others are the document's. */
function annotate(document: JsonObject, id: string, annotation: JsonObject): void {
  const packages = document['packages']
  const holder = Array.isArray(packages)
    ? packages.find(
        (item): item is JsonObject =>
          typeof item === 'object' && item !== null && !Array.isArray(item) && item['SPDXID'] === id,
      )
    : undefined
  many('annotations', () => annotation)(holder ?? document, '')
}

function last(holder: JsonObject, list: string, member: string, value: string): void {
  const held = holder[list]
  const item = Array.isArray(held) ? held.at(-1) : undefined
  if (typeof item !== 'object' || item === null || Array.isArray(item))
    throw bad('a comment stands before what it is about')
  item[member] = value
}

function checksum(value: string): JsonValue {
  const [, algorithm, digest] = /^([A-Za-z0-9-]+):\s*([0-9a-fA-F]+)$/.exec(value) ?? []
  if (algorithm === undefined || digest === undefined) throw bad(`"${value}" is not "ALGORITHM: digest"`)
  return { algorithm, checksumValue: digest }
}

function externalRef(value: string): JsonValue {
  const [referenceCategory, referenceType, ...rest] = value.split(/\s+/)
  if (rest.length === 0) throw bad(`"${value}" is not "CATEGORY type locator"`)
  return {
    referenceCategory: referenceCategory ?? '',
    referenceType: referenceType ?? '',
    referenceLocator: rest.join(' '),
  }
}

function externalDocument(value: string): JsonValue {
  const [externalDocumentId, spdxDocument, ...rest] = value.split(/\s+/)
  return {
    externalDocumentId: externalDocumentId ?? '',
    spdxDocument: spdxDocument ?? '',
    checksum: checksum(rest.join(' ')),
  }
}

function relationship(value: string): JsonValue {
  const [spdxElementId, relationshipType, relatedSpdxElement, ...rest] = value.split(/\s+/)
  if (relatedSpdxElement === undefined || rest.length > 0) throw bad(`"${value}" is not "ID TYPE ID"`)
  return { spdxElementId: spdxElementId ?? '', relationshipType: relationshipType ?? '', relatedSpdxElement }
}

function ignore(): void {
  // The model does not have what this tag says.
}

function bad(what: string): VerificationError {
  return new VerificationError('format-invalid', what, { subject: 'SPDX tag-value' })
}

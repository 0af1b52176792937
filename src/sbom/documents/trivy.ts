import { z } from 'zod'
import { spdxExpression } from '../licence.ts'
import { emptyDocument, emptyItem } from './empty.ts'
import type { DocumentPackage, SbomDocument } from './model.ts'
import { secondsOf } from './members.ts'
import { digestIn, digestOf, relativePath, setPurl } from './values.ts'

const words = z.string().nullish()
const packageSchema = z.looseObject({
  ID: words,
  Name: z.string(),
  Version: words,
  Release: words,
  Epoch: z.number().nullish(),
  Identifier: z.looseObject({ PURL: words, UID: words, BOMRef: words }).nullish(),
  Licenses: z.array(z.string()).nullish(),
  DependsOn: z.array(z.string()).nullish(),
  FilePath: words,
  Dev: z.boolean().nullish(),
  Maintainer: words,
})
const resultSchema = z.looseObject({
  Target: z.string(),
  Class: words,
  Type: words,
  Packages: z.array(packageSchema).nullish(),
})

/** Trivy's own JSON, version 2, as far as it is read. Packages are there with `--list-all-pkgs` alone. */
export const trivySchema = z.looseObject({
  SchemaVersion: z.literal(2),
  ArtifactName: z.string(),
  ArtifactType: words,
  CreatedAt: words,
  Trivy: z.looseObject({ Version: words }).nullish(),
  Metadata: z
    .looseObject({
      OS: z.looseObject({ Family: words, Name: words }).nullish(),
      ImageID: words,
      DiffIDs: z.array(z.string()).nullish(),
      RepoDigests: z.array(z.string()).nullish(),
      ImageConfig: z.looseObject({ architecture: words, os: words, variant: words }).nullish(),
    })
    .nullish(),
  Results: z.array(resultSchema).nullish(),
})

export function readTrivy(source: z.infer<typeof trivySchema>): SbomDocument {
  const document = emptyDocument('trivy-json', String(source.SchemaVersion))
  document.name = source.ArtifactName
  document.created = secondsOf(source.CreatedAt ?? null)
  document.tools = [{ name: 'trivy', version: source.Trivy?.Version ?? null }]
  document.engine = document.tools[0] ?? null
  document.lifecycle = source.ArtifactType === 'container_image' ? 'analyzed' : null
  readIdentity(source, document)
  const results = source.Results ?? []
  // Without this list Trivy reports findings only: that no package is named then says nothing.
  if (!results.some(({ Packages }) => Packages !== undefined && Packages !== null)) document.completeness = 'incomplete'
  for (const result of results) readResult(result, document)
  return document
}

function readIdentity(
  { ArtifactName, ArtifactType, Metadata }: z.infer<typeof trivySchema>,
  document: SbomDocument,
): void {
  const { identity } = document
  identity.id = 'artifact'
  identity.name = ArtifactName
  identity.type = ArtifactType === 'container_image' ? 'container' : (ArtifactType ?? null)
  identity.configDigest = digestOf(Metadata?.ImageID ?? null)
  identity.diffIds = (Metadata?.DiffIDs ?? []).flatMap((id) => digestOf(id) ?? [])
  identity.manifestDigest = digestIn(Metadata?.RepoDigests?.[0] ?? null)
  const config = Metadata?.ImageConfig
  identity.platform = [config?.os, config?.architecture, config?.variant].filter(Boolean).join('/') || null
}

/** Ids of a result are its own: two lock files may have the same package. */
function readResult(result: z.infer<typeof resultSchema>, document: SbomDocument): void {
  const idOf = (id: string): string => `${result.Target}#${id}`
  for (const source of result.Packages ?? []) {
    const own = source.ID ?? `${source.Name}@${source.Version ?? ''}`
    const item = packageOf(source, idOf(own), result)
    document.packages.push(item)
    document.relationships.push({ from: 'artifact', type: 'contains', to: item.id })
    for (const to of source.DependsOn ?? [])
      document.relationships.push({ from: item.id, type: 'depends-on', to: idOf(to) })
  }
}

function packageOf(
  source: z.infer<typeof packageSchema>,
  id: string,
  { Target, Class, Type }: z.infer<typeof resultSchema>,
): DocumentPackage {
  const item = emptyItem(id, source.Name)
  item.type = Type ?? null
  item.kind = 'library'
  setPurl(item, source.Identifier?.PURL ?? null)
  const version = [source.Version, source.Release].filter(Boolean).join('-')
  item.version = version === '' ? null : source.Epoch ? `${source.Epoch}:${version}` : version
  const path = source.FilePath ?? (Class === 'os-pkgs' ? null : Target)
  if (path) item.locations = [relativePath(path)]
  if (source.Dev === true) item.scope = 'development'
  const licences = source.Licenses ?? []
  const expression = spdxExpression(licences.map((text) => (licences.length > 1 ? `(${text})` : text)).join(' AND '))
  if (expression !== null) item.licence = licences.length > 1 ? licences.join(' AND ') : expression
  else if (licences.length > 0) item.licenceText = licences.join(', ')
  if (source.Maintainer) item.supplier = { kind: 'organization', name: source.Maintainer }
  return item
}

import { table } from '../../base/table.ts'
import { z } from 'zod'
import { emptyDocument, emptyItem } from './empty.ts'
import type { DocumentPackage, DocumentRelationship, SbomDocument } from './model.ts'
import { checksumOf, digestOf, relativePath, setPurl } from './values.ts'
import { spdxExpression } from '../licence.ts'

const words = z.string().nullish()
const digest = z.looseObject({ algorithm: z.string(), value: z.string() })

const artifact = z.looseObject({
  id: z.string(),
  name: z.string(),
  version: z.string(),
  type: z.string(),
  foundBy: words,
  purl: words,
  locations: z.array(z.looseObject({ path: z.string() })).nullish(),
  // Older versions have texts, newer ones objects.
  licenses: z
    .array(z.union([z.string(), z.looseObject({ value: z.string(), spdxExpression: words, type: words })]))
    .nullish(),
  cpes: z.array(z.union([z.string(), z.looseObject({ cpe: z.string() })])).nullish(),
})

/** syft's own JSON (its schema/json/schema-*.json), as far as it is read. */
export const syftSchema = z.looseObject({
  artifacts: z.array(artifact),
  artifactRelationships: z.array(z.looseObject({ parent: z.string(), child: z.string(), type: z.string() })).nullish(),
  files: z
    .array(
      z.looseObject({
        id: z.string(),
        location: z.looseObject({ path: z.string() }),
        digests: z.array(digest).nullish(),
      }),
    )
    .nullish(),
  source: z.looseObject({ id: words, name: words, version: words, type: words, metadata: z.unknown() }),
  distro: z.looseObject({ id: words, versionID: words, prettyName: words }).nullish(),
  descriptor: z.looseObject({ name: z.string(), version: words, configuration: z.unknown() }),
  schema: z.looseObject({ version: z.string() }),
})

const imageSchema = z.looseObject({
  imageID: words,
  manifestDigest: words,
  os: words,
  architecture: words,
  variant: words,
  layers: z.array(z.looseObject({ digest: z.string() })).nullish(),
})
const usedSchema = z.looseObject({ catalogers: z.looseObject({ used: z.array(z.string()) }) })

/** Relationships of syft: `parent` is their first, `child` their second element. */
const edges: Readonly<Record<string, readonly [DocumentRelationship['type'], turned: boolean]>> = table({
  contains: ['contains', false],
  'ownership-by-file-overlap': ['contains', false],
  'dependency-of': ['depends-on', true],
})

export function readSyft(source: z.infer<typeof syftSchema>): SbomDocument {
  const document = emptyDocument('syft-json', source.schema.version)
  document.tools = [{ name: source.descriptor.name, version: source.descriptor.version ?? null }]
  document.engine = document.tools[0] ?? null
  const used = usedSchema.safeParse(source.descriptor.configuration)
  if (used.success) document.catalogers = [...used.data.catalogers.used].sort()
  document.name = source.source.name ?? null
  document.lifecycle = source.source.type === 'directory' ? 'source' : 'analyzed'
  readSource(source, document)
  document.packages = source.artifacts.map(packageOf)
  document.files =
    source.files?.map(({ id, location, digests }) => ({
      id,
      path: relativePath(location.path),
      checksums: (digests ?? []).flatMap(({ algorithm, value }) => checksumOf(algorithm, value) ?? []),
    })) ?? null
  for (const { parent, child, type } of source.artifactRelationships ?? []) {
    const [word, turned] = edges[type] ?? ['other', false]
    document.relationships.push({
      from: turned ? child : parent,
      type: word,
      to: turned ? parent : child,
      ...(word === 'other' ? { detail: type } : {}),
    })
  }
  return document
}

function readSource({ source, distro }: z.infer<typeof syftSchema>, document: SbomDocument): void {
  const { identity } = document
  identity.id = source.id ?? null
  identity.name = source.name ?? null
  identity.type = source.type === 'image' ? 'container' : (source.type ?? null)
  identity.version = source.version ?? null
  const image = imageSchema.safeParse(source.metadata)
  if (source.type === 'image' && image.success) {
    const { imageID, manifestDigest, os, architecture, variant, layers } = image.data
    identity.configDigest = digestOf(imageID ?? null)
    identity.manifestDigest = digestOf(manifestDigest ?? null)
    identity.platform = [os, architecture, variant].filter(Boolean).join('/') || null
    identity.diffIds = (layers ?? []).flatMap((layer) => digestOf(layer.digest) ?? [])
  }
  if (distro?.id) document.properties.push(['distro', [distro.id, distro.versionID].filter(Boolean).join(' ')])
}

function packageOf(source: z.infer<typeof artifact>): DocumentPackage {
  const item = emptyItem(source.id, source.name)
  item.type = source.type
  setPurl(item, source.purl ?? null)
  item.kind = 'library'
  // syft has an empty text, or this word, where it knows no version.
  item.version = ['', 'UNKNOWN'].includes(source.version) ? null : source.version
  item.cataloger = source.foundBy ?? null
  item.locations = [...new Set((source.locations ?? []).map(({ path }) => relativePath(path)))].sort()
  item.cpes = (source.cpes ?? []).map((cpe) => (typeof cpe === 'string' ? cpe : cpe.cpe))
  readLicences(source, item)
  return item
}

function readLicences(source: z.infer<typeof artifact>, item: DocumentPackage): void {
  const expressions: string[] = []
  const others: string[] = []
  for (const licence of source.licenses ?? []) {
    const said = typeof licence === 'string' ? licence : licence.spdxExpression || licence.value
    const expression = spdxExpression(said)
    if (expression === null) others.push(said)
    else expressions.push(expression)
  }
  const parts = [...new Set(expressions)]
  if (parts.length > 0)
    item.licence = parts.map((part) => (parts.length > 1 && /\s/.test(part) ? `(${part})` : part)).join(' AND ')
  if (others.length > 0) item.licenceText = others.join(', ')
}

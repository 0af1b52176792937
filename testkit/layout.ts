import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { join } from 'node:path'

interface Pointer {
  mediaType?: string
  digest: string
  size: number
}

interface Document {
  config?: Pointer
  layers?: Pointer[]
  manifests?: Pointer[]
  subject?: Pointer
}

const documents = /\+json$/
const manifestTypes = /\.(image\.)?(manifest|index)\.v1\+json$/

/**
 * Walks an OCI layout with nothing of our own reader: index → manifests → config, layers, children and subject, and reads every byte.
 *
 * @returns one line for each thing that is referred to and is not there, or is not what its digest says; empty where there is no layout yet
 */
export async function danglingIn(layout: string): Promise<string[]> {
  if (!existsSync(join(layout, 'index.json'))) return []
  const problems: string[] = []
  const seen = new Set<string>()
  const visit = async (pointer: Pointer, from: string): Promise<void> => {
    if (seen.has(pointer.digest)) return
    seen.add(pointer.digest)
    const path = join(layout, 'blobs', pointer.digest.replace(':', '/'))
    const name = `${pointer.digest.slice(0, 19)} (${pointer.mediaType ?? 'no media type'}) of ${from}`
    if (!existsSync(path)) return void problems.push(`missing: ${name}`)
    const { size } = await stat(path)
    if (size !== pointer.size) problems.push(`size ${size} is not ${pointer.size}: ${name}`)
    const hash = createHash('sha256')
    await pipeline(createReadStream(path), hash)
    if (`sha256:${hash.digest('hex')}` !== pointer.digest) problems.push(`other bytes: ${name}`)
    if (!manifestTypes.test(pointer.mediaType ?? '') || !documents.test(pointer.mediaType ?? '')) return
    const { config, layers = [], manifests = [], subject } = JSON.parse(await readFile(path, 'utf8')) as Document
    const next = [...(config ? [config] : []), ...layers, ...manifests, ...(subject ? [subject] : [])]
    for (const each of next) await visit(each, pointer.digest.slice(0, 19))
  }
  const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as Document
  for (const pointer of index.manifests ?? []) await visit(pointer, 'index.json')
  return problems
}

/** Tags, and the artifact types of what has none: all that a reader of the index sees, without what is random in it. */
export function shapeOf(layout: string): string[] {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { artifactType?: string; annotations?: Record<string, string> }[]
  }
  const name = (tag: string): string => tag.replace(/[0-9a-f]{64}/, 'HEX')
  return index.manifests
    .map(({ artifactType, annotations = {} }) => {
      const tag = annotations['org.opencontainers.image.ref.name']
      const predicate = annotations['dev.sigstore.bundle.predicateType']
      return tag === undefined ? `${artifactType ?? 'none'} ${predicate ?? ''}`.trim() : `tag ${name(tag)}`
    })
    .sort()
}

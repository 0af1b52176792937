import { VerificationError } from '../../base/errors.ts'
import { loadImage } from '../../image/load.ts'
import { formatPlatform, parsePlatform, samePlatform } from '../../image/platforms.ts'
import type { ResolvedImage } from '../../oci/open.ts'
import type { Digest, Platform } from '../../oci/types.ts'
import { readSbom } from '../../sbom/documents/read.ts'
import type { PublicKey } from '../../sign/public-key.ts'
import { artifactsOf, type Artifact } from '../../tasks/compare/artifact.ts'
import { attestedSboms, type AttestedSboms } from '../../tasks/compare/attested.ts'

/** An image with the documents that statements attest for it, its own ones and those of the index that it was found in. */
export interface AttestedImage {
  artifact: Artifact
  /** Null where the reference is one image. */
  platform: string | null
  attested: AttestedSboms
}

/**
 * The images behind a reference, each with at least one document. A document that is attached to an index counts for the image that it names, by
 * digest or else by platform.
 *
 * @param platform one image of an index; '' for all
 * @throws VerificationError `missing-statement` where an image has none, with the platforms that have some
 */
export async function attestedImages(
  image: ResolvedImage,
  platform: string,
  keys: readonly PublicKey[],
): Promise<AttestedImage[]> {
  const chosen = await artifactsOf(image, platform)
  const isIndex = chosen.some(({ digest }) => digest !== image.descriptor.digest)
  const children = isIndex && platform !== '' ? await artifactsOf(image, '') : chosen
  const shared = isIndex ? await sharedBy(image, children, keys) : null
  const found: AttestedImage[] = []
  for (const artifact of chosen) {
    const { documents, inventories, notes } = await attestedSboms(artifact.store, artifact.descriptor, keys)
    const more = shared?.byChild.get(artifact.digest) ?? []
    found.push({
      artifact,
      platform: children.length > 1 && artifact.platform !== null ? formatPlatform(artifact.platform) : null,
      attested: {
        documents: [...documents, ...more.map(({ document }) => document)],
        inventories: new Map([...inventories, ...more.flatMap(({ inventory }) => inventory)]),
        notes: [...notes, ...(shared?.notes ?? [])],
      },
    })
  }
  const lacking = found.filter(({ attested }) => attested.documents.length + attested.inventories.size === 0)
  if (lacking.length > 0) throw nothingAttested(image, lacking, found, await byOthers(lacking, keys))
  return found
}

/** Whether documents are attached that no given key signed. */
async function byOthers(lacking: readonly AttestedImage[], keys: readonly PublicKey[]): Promise<boolean> {
  if (keys.length === 0) return false
  for (const { artifact } of lacking) {
    const { documents, inventories } = await attestedSboms(artifact.store, artifact.descriptor, [])
    if (documents.length + inventories.size > 0) return true
  }
  return false
}

interface Shared {
  document: AttestedSboms['documents'][number]
  /** The inventory that the document names, where the index has it. */
  inventory: [Digest, { facts: AttestedSboms['documents'][number]['facts']; bytes: Buffer }][]
}

/** What is attached to an index itself, by the image that it speaks of. */
async function sharedBy(
  { store, descriptor }: ResolvedImage,
  children: readonly Artifact[],
  keys: readonly PublicKey[],
): Promise<{ byChild: Map<Digest, Shared[]>; notes: string[] }> {
  const { documents, inventories, notes } = await attestedSboms(store, descriptor, keys)
  const byChild = new Map<Digest, Shared[]>()
  const named = new Set<Digest>()
  for (const document of documents) {
    const { identity, inventory } = await readSbom(document.bytes, `statement ${document.facts.manifest}`)
    const child = await childOf(identity, children)
    if (child === undefined) {
      notes.push(`A document of the index was ignored: it names no image of it (statement ${document.facts.manifest}).`)
      continue
    }
    const bytes = inventory === null ? undefined : inventories.get(inventory)
    if (inventory !== null) named.add(inventory)
    const own: Shared['inventory'] = inventory === null || bytes === undefined ? [] : [[inventory, bytes]]
    byChild.set(child.digest, [...(byChild.get(child.digest) ?? []), { document, inventory: own }])
  }
  const alone = [...inventories.keys()].filter((digest) => !named.has(digest)).length
  if (alone > 0) notes.push(`${alone} file inventories of the index were ignored: no document of it names them.`)
  return { byChild, notes }
}

type Identity = Awaited<ReturnType<typeof readSbom>>['identity']

async function childOf(
  { manifestDigest, configDigest, platform }: Identity,
  children: readonly Artifact[],
): Promise<Artifact | undefined> {
  for (const child of children) {
    if (manifestDigest === child.digest) return child
    if (configDigest !== null && configDigest === (await loadImage(child.store, child.digest)).configDigest)
      return child
  }
  const fitting = children.filter((child) => child.platform !== null && saysPlatform(platform, child.platform))
  return fitting.length === 1 ? fitting[0] : undefined
}

/** A foreign document may write a platform in any way. */
function saysPlatform(text: string | null, platform: Platform): boolean {
  if (text === null || !/^[a-z0-9_]+\/[a-z0-9_]+(?:\/[a-z0-9_]+)?$/.test(text)) return false
  return samePlatform(platform, parsePlatform(text))
}

function nothingAttested(
  { reference }: ResolvedImage,
  lacking: readonly AttestedImage[],
  all: readonly AttestedImage[],
  others: boolean,
): VerificationError {
  const by = others ? ' that a given key signed' : ''
  const names = (images: readonly AttestedImage[]): string =>
    images.flatMap(({ platform }) => platform ?? []).join(', ')
  const rest = all.filter((image) => !lacking.includes(image))
  const where = names(lacking) === '' ? '' : ` for ${names(lacking)}`
  const elsewhere = names(rest) === '' ? '' : ` There is one for ${names(rest)}.`
  const notes = [...new Set(lacking.flatMap(({ attested }) => attested.notes))].join(' ')
  return new VerificationError(
    'missing-statement',
    `no SBOM${by} is attached to "${reference}"${where}.${elsewhere} ${notes}`.trim(),
    {
      subject: reference,
      remedy:
        elsewhere !== ''
          ? 'Name a platform with `--platform`, or attach an SBOM for each one.'
          : others
            ? 'Give the key that signed the documents with `--public-key FILE`.'
            : 'Attach one (the action sbom, then sign-attest), or leave `--public-key` out and give a document with `--sbom FILE`.',
    },
  )
}

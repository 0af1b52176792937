import { createReadStream } from 'node:fs'
import { InputError, TransportError, VerificationError } from '../base/errors.ts'
import { isObject, parseJson, textOf, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports, Remote } from '../base/ports.ts'
import { collect, digesting, once, sha256, verified, type ByteSource } from '../base/streams.ts'
import { checkDescriptor, slim } from './descriptor.ts'
import { isDigest } from './digest.ts'
import { layoutIdentity } from './identity.ts'
import { readBlobFile } from './layout-files.ts'
import { openLayout } from './layout.ts'
import { digestOfNew, manifestLimit, parseManifest } from './manifest.ts'
import { missingBlob, pickReferrers, readListed, type OnBroken } from './referrers.ts'
import { beginStep, endStep } from './remote-steps.ts'
import { isLocalText, isTag, parseReference } from './reference.ts'
import type { BlobSource, Descriptor, Digest, ListedImage, Store, StoredManifest } from './types.ts'

/** Manifests that are read at a time. */
const parallel = 4
/** No listing of referrers is longer: a hundred thousand lines. */
const listingBytes = 64 << 20
/** A line holds a media type, a digest and a size. */
const lineBytes = 4 << 10

/**
 * An OCI layout directory of the job, an archive, or an image that a program keeps, as a worker sees it: the step reads and writes it with its own
 * rights, and nothing that it says of a digest is believed (TRUST §4).
 *
 * @param directory absolute path in the step's words; of another store its name (`oci-archive:/abs/file`)
 */
export function openRemoteLayout(directory: string, identity: string, remote: Remote): Store {
  const isLayout = directory.startsWith('/')
  const name = isLayout ? `oci:${directory}` : directory
  const ask = (operation: string, args: JsonObject = {}, body?: ByteSource): ReturnType<Remote['layout']> =>
    remote.layout({ ...args, directory, operation }, body)
  const descriptorOf = (value: JsonValue): Descriptor => checkDescriptor(value, name)

  const getManifest: Store['getManifest'] = async (digest) => {
    const { value, body } = await ask('getManifest', { digest })
    const bytes = await collect(body, manifestLimit, digest)
    digestOfNew(bytes, digest)
    const mediaType = isObject(value) ? textOf(value['mediaType']) : ''
    return {
      descriptor: { mediaType, digest, size: bytes.length },
      bytes,
      content: parseManifest(bytes, mediaType, digest),
    }
  }

  const remoteImages = async (): Promise<ListedImage[]> => {
    const { value } = await ask('images')
    return (Array.isArray(value) ? value : []).filter(isObject).map(({ descriptor, tag, name: full }) => ({
      descriptor: descriptorOf(descriptor ?? null),
      tag: typeof tag === 'string' && isTag(tag) ? tag : null,
      name: typeof full === 'string' ? full : null,
    }))
  }

  const remoteStep = async <T>(work: () => Promise<T>): Promise<T> => {
    await ask('begin')
    let keep = false
    try {
      const result = await work()
      keep = true
      return result
    } finally {
      const ended = ask('end', { keep })
      // The reason of a failed step is not hidden by what follows from it.
      await (keep ? ended : ended.catch(() => {}))
    }
  }

  async function* readReferrers(digest: Digest, onBroken: OnBroken): AsyncGenerator<StoredManifest> {
    const { body } = await ask('readReferrers', { digest })
    const listed: Descriptor[] = []
    for await (const line of linesOf(body, `the referrers of ${digest} in ${name}`)) {
      const entry = parseJson(line, name)
      const broken = isObject(entry) ? entry['broken'] : undefined
      if (isDigest(broken)) onBroken({ manifest: broken, error: missingBlob(broken, name) })
      else listed.push(slim(descriptorOf(entry)))
    }
    yield* readListed(listed, digest, getManifest, parallel, onBroken)
  }

  return {
    kind: 'layout',
    name: name,
    identity,
    getManifest,
    resolve: async (reference) => {
      const { value } = await ask('resolve', { ...reference })
      if (value === null) return null
      const found = descriptorOf(value)
      if ('digest' in reference) agreed(found.digest, reference.digest)
      return found
    },
    // Each change of a layout is one small file, but an archive is written as a whole.
    ...(isLayout ? {} : { images: () => remoteImages(), together: remoteStep }),
    tags: async () => {
      const { value } = await ask('tags')
      return Array.isArray(value) ? value.filter((tag) => typeof tag === 'string') : []
    },
    putManifest: async (bytes, mediaType, options = {}) => {
      const digest = digestOfNew(bytes, options.digest)
      const tag = options.tag === undefined ? {} : { tag: options.tag }
      const put = descriptorOf((await ask('putManifest', { mediaType, digest, ...tag }, once(bytes))).value)
      agreed(put.digest, digest)
      return { ...put, size: bytes.length }
    },
    tag: async (tag, digest) => {
      await ask('tag', { tag, digest })
    },
    hasBlob: async (digest) => (await ask('hasBlob', { digest })).value === true,
    openBlob: async ({ digest, size }) => verified((await ask('openBlob', { digest, size })).body, { digest, size }),
    putBlob: async (source) => {
      const expect = expectedOf(source)
      const own = digesting(bodyOf(source), expect?.digest)
      const { value } = await ask('putBlob', expect === undefined ? {} : { expect: { ...expect } }, own.stream)
      if (isObject(value) && isDigest(value['digest'])) {
        // One that is there already need not be read to its end.
        const made = expect ?? own.result()
        agreed(value['digest'], made.digest)
        return { digest: value['digest'], size: made.size }
      }
      throw new VerificationError('format-invalid', `${name} did not say what was put`, { subject: directory })
    },
    referrers: (digest, artifactType) =>
      pickReferrers(
        readReferrers(digest, () => {}),
        artifactType,
      ),
    readReferrers,
  }
}

/** @throws VerificationError `digest-mismatch` when the step says another digest than the bytes have */
function agreed(said: string, own: string): void {
  if (said === own) return
  throw new VerificationError('digest-mismatch', `the step names ${said} where ${own} was meant`, { subject: own })
}

function expectedOf(source: BlobSource): { digest: Digest; size: number } | undefined {
  if ('bytes' in source) return { digest: sha256(source.bytes), size: source.bytes.length }
  if ('path' in source) return { digest: source.digest, size: source.size }
  return source.expect
}

function bodyOf(source: BlobSource): ByteSource {
  if ('bytes' in source) return once(source.bytes)
  return 'path' in source ? createReadStream(source.path) : source.stream
}

/** Lines as they come: no more than one of them is held. @throws TransportError for a listing over the bounds, which is never "none" */
async function* linesOf(source: ByteSource, subject: string): AsyncGenerator<string> {
  const over = (what: string): TransportError =>
    new TransportError('agent-error', `${subject}: the step's listing has ${what}`, {
      subject,
      remedy: 'Remove what is foreign from the layout.',
    })
  let rest = Buffer.alloc(0)
  let bytes = 0
  for await (const piece of source) {
    bytes += piece.length
    if (bytes > listingBytes) throw over(`more than ${listingBytes} bytes`)
    rest = Buffer.concat([rest, piece])
    let from = 0
    for (let end = rest.indexOf(0x0a); end !== -1; end = rest.indexOf(0x0a, from)) {
      yield rest.toString('utf8', from, end)
      from = end + 1
    }
    rest = rest.subarray(from)
    if (rest.length > lineBytes) throw over(`a line of more than ${lineBytes} bytes`)
  }
  if (rest.length > 0) throw over('no end')
}

/** The step's side of {@link openRemoteLayout}: one operation on a layout directory or another store of this machine. @throws InputError `input-invalid`, and as the layout */
export async function layoutOperation(
  args: JsonObject,
  body: ByteSource,
  ports: Ports,
): Promise<{ value: JsonValue; body?: ByteSource }> {
  const { directory, operation } = args
  if (typeof directory !== 'string') throw invalid('directory')
  const isLayout = directory.startsWith('/')
  const store = isLayout ? openLayout(directory, layoutIdentity(directory), ports) : await namedStore(directory, ports)
  switch (operation) {
    case 'resolve': {
      const found = await store.resolve('tag' in args ? { tag: text(args, 'tag') } : { digest: digestOf(args) })
      return { value: found === null ? null : json(found) }
    }
    case 'images':
      return {
        value: ((await store.images?.()) ?? []).map((image) => ({ ...image, descriptor: json(image.descriptor) })),
      }
    case 'tags':
      return { value: await store.tags() }
    case 'getManifest': {
      const { descriptor, bytes } = await store.getManifest(digestOf(args))
      return { value: json(descriptor), body: once(bytes) }
    }
    case 'putManifest': {
      const bytes = await collect(body, manifestLimit, 'manifest')
      const tag = 'tag' in args ? { tag: text(args, 'tag') } : {}
      const digest = 'digest' in args ? { digest: digestOf(args) } : {}
      return { value: json(await store.putManifest(bytes, text(args, 'mediaType'), { ...tag, ...digest })) }
    }
    case 'tag':
      await store.tag(text(args, 'tag'), digestOf(args))
      return { value: null }
    case 'hasBlob':
      return { value: await store.hasBlob(digestOf(args)) }
    case 'openBlob': {
      const want = { digest: digestOf(args), size: sizeOf(args) }
      if (!(await store.hasBlob(want.digest))) throw missingBlob(want.digest, store.name)
      // The worker hashes what arrives, and believes nothing else.
      return { value: null, body: isLayout ? readBlobFile(directory, want) : await store.openBlob(want) }
    }
    case 'putBlob': {
      const { expect } = args
      const wanted = isObject(expect) ? { expect: { digest: digestOf(expect), size: sizeOf(expect) } } : {}
      return { value: { ...(await store.putBlob({ stream: body, ...wanted })) } }
    }
    case 'begin':
      beginStep(directory, store)
      return { value: null }
    case 'end':
      await endStep(directory, args['keep'] === true)
      return { value: null }
    case 'readReferrers':
      return { value: null, body: listing(store, digestOf(args)) }
    default:
      throw invalid('operation')
  }
}

async function namedStore(name: string, ports: Ports): Promise<Store> {
  if (!isLocalText(name)) throw invalid('directory')
  const reference = parseReference(name, '/')
  const { openStore } = await import('./open.ts')
  return openStore(reference, ports)
}

/** One JSON line a referrer, or a listed manifest that cannot be read; their number has no limit. */
async function* listing(store: Store, digest: Digest): AsyncGenerator<Uint8Array> {
  const broken: Digest[] = []
  for await (const { descriptor } of store.readReferrers(digest, ({ manifest }) => broken.push(manifest))) {
    yield Buffer.from(`${JSON.stringify(json(descriptor))}\n`)
  }
  for (const manifest of broken) yield Buffer.from(`${JSON.stringify({ broken: manifest })}\n`)
}

function json(descriptor: Descriptor): JsonObject {
  // Members that are not set have no place in JSON.
  return JSON.parse(JSON.stringify(descriptor)) as JsonObject
}

function digestOf(args: JsonObject): Digest {
  const { digest } = args
  if (isDigest(digest)) return digest
  throw invalid('digest')
}

function sizeOf(args: JsonObject): number {
  const { size } = args
  if (typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) return size
  throw invalid('size')
}

function text(args: JsonObject, name: string): string {
  const value = args[name]
  if (typeof value === 'string') return value
  throw invalid(name)
}

function invalid(member: string): InputError {
  return new InputError('input-invalid', `an operation on a layout has no valid ${member}`, { subject: member })
}

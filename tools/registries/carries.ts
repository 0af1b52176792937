import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { collect, digestLike, once } from '../../src/base/streams.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { isIndex, manifestBytes } from '../../src/oci/manifest.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../../src/oci/types.ts'
import { peer } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { prepareOurs, type Ours } from './ours.ts'
import type { Line } from './run.ts'

const run = promisify(execFile)
const timeoutMs = 60_000

/** Commands that copy, in the order of the page; null for ours, which runs in this process. */
const copiers: Readonly<
  Record<string, null | ((from: string, to: string, host: string) => readonly [program: string, args: string[]])>
> = {
  'sealwright promote': null,
  'oras cp -r': (from, to) => ['oras', ['cp', '-r', '--from-plain-http', '--to-plain-http', from, to]],
  'regctl image copy --referrers --digest-tags': (from, to, host) => [
    'regctl',
    ['--host', `reg=${host},tls=disabled`, 'image', 'copy', '--referrers', '--digest-tags', from, to],
  ],
  'crane copy': (from, to) => ['crane', ['copy', '--insecure', from, to]],
  'skopeo copy --all': (from, to) => [
    'skopeo',
    ['copy', '--all', '--src-tls-verify=false', '--dest-tls-verify=false', `docker://${from}`, `docker://${to}`],
  ],
  'cosign copy': (from, to) => ['cosign3', ['copy', '--allow-http-registry', '--allow-insecure-registry', from, to]],
}

export const carriedColumns = Object.keys(copiers)

/**
 * Copies an image, an index and an image by SHA-512, each signed by `sign-attest` and with more attached, within one registry that has the referrers API, by
 * each command into a repository of its own, and looks what arrived.
 */
export async function runCarried(): Promise<Line[]> {
  const registry = await startRegistry('referrers')
  const ports = testPorts()
  const open = (name: string): Store => openStore(parseReference(`${registry.host}/${name}`, '/'), ports)
  try {
    const ours = await prepareOurs()
    const folder = scratch('carried')
    writeFileSync(join(folder, 'auth.json'), '{}')
    const sources = await putSources(open, ours, registry.host)
    const lines: Line[] = []
    for (const [i, [name, command]] of Object.entries(copiers).entries()) {
      const cells: Record<string, string> = {}
      for (const { repository, reference, parts } of sources) {
        const target = `${repository}-${i}`
        const [from, to] = [`${registry.host}/${repository}${reference}`, `${registry.host}/${target}:v1`]
        const copied =
          command === null
            ? typeof (await ours.run(['promote', '--from', from, '--to', to, '--policy', 'signed.yml'])) !== 'string'
            : await ends(command(from, to, registry.host), folder)
        for (const [part, arrived] of Object.entries(parts)) {
          const there = await arrived(open(target))
          cells[part] = copied ? (there ? 'yes' : 'no') : there ? 'arrives, but the command fails' : 'fails'
        }
      }
      lines.push({ row: name, cells })
    }
    return lines
  } finally {
    await registry.close()
  }
}

/** Whether a program ends without an error. */
async function ends([program, args]: readonly [string, string[]], folder: string): Promise<boolean> {
  const env = { PATH: process.env['PATH'], HOME: folder, REGISTRY_AUTH_FILE: join(folder, 'auth.json') }
  try {
    await run(peer(program), args, { cwd: folder, env, timeout: timeoutMs })
    return true
  } catch (error) {
    if (process.env['REGISTRIES_VERBOSE'] === '1') console.error(program, error)
    return false
  }
}

interface Source {
  readonly repository: string
  /** `:TAG` or `@DIGEST`. */
  readonly reference: string
  /** Whether each part is in a store. */
  readonly parts: Readonly<Record<string, (store: Store) => Promise<boolean>>>
}

async function putSources(open: (name: string) => Store, { run: perform }: Ours, host: string): Promise<Source[]> {
  const sign = async (name: string): Promise<void> => {
    const by = ['--signer', 'key', '--key', 'key.pem', '--statements', 'sign']
    const done = await perform(['sign-attest', '--image', name, ...by])
    if (typeof done === 'string') throw new Error(`sign-attest of ${name} ended with ${done}`)
  }
  const [images, indexes, long] = [open('image'), open('index'), open('sha512')]
  const image = await putSmallImage(images, smallFiles, 'v1')
  await sign(`${host}/image@${image.digest}`)

  const members = [await putSmallImage(indexes, { a: '1' }, 'a'), await putSmallImage(indexes, { b: '2' }, 'b')]
  const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }))
  const index = await indexes.putManifest(
    manifestBytes({
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: members.map((one, i) => ({ ...one, platform: platforms[i] })),
    }),
    mediaTypes.index,
    { tag: 'v1' },
  )
  for (const { digest } of [...members, index]) await sign(`${host}/index@${digest}`)
  const attach = (subject: Descriptor, artifactType: string): Promise<Descriptor> =>
    putArtifact(indexes, { artifactType, subject, layers: [{ mediaType: 'text/plain', bytes: Buffer.from('x') }] })
  const receipt = await attach(
    await attach(index, 'application/vnd.example.document'),
    'application/vnd.example.receipt',
  )
  const document = manifestBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.empty, ...(await indexes.putBlob({ bytes: Buffer.from('{}') })) },
    layers: [{ mediaType: 'text/spdx+json', ...(await indexes.putBlob({ bytes: Buffer.from('{}') })) }],
  })
  await indexes.putManifest(document, mediaTypes.manifest, { tag: `${fallbackTag(index.digest)}.sbom` })

  const digest = await putBySha512(long, images, image.digest)
  await sign(`${host}/sha512@${digest}`)

  const subjects = members.map((one) => one.digest)
  const referrers = async (of: readonly Digest[]): Promise<(store: Store) => Promise<boolean>> => {
    const wanted = await Promise.all(of.map(async (one) => ({ one, there: await indexes.referrers(one) })))
    return everyOf(wanted, async (store, { one, there }) => {
      const found = new Set((await store.referrers(one)).map((each) => each.digest))
      return there.length > 0 && there.every((each) => found.has(each.digest))
    })
  }
  const tags = (of: readonly Digest[], kinds: readonly string[]): ((store: Store) => Promise<boolean>) =>
    everyOf(
      of.flatMap((one) => kinds.map((kind) => `${fallbackTag(one)}.${kind}`)),
      async (store, tag) => (await store.resolve({ tag }))?.digest === (await indexes.resolve({ tag }))?.digest,
    )
  const whole = (of: readonly Digest[]): ((store: Store) => Promise<boolean>) => everyOf(of, isWhole)
  const receiptParent = (await indexes.getManifest(receipt.digest)).content.subject?.digest
  if (receiptParent === undefined) throw new TypeError('a receipt without a subject')
  return [
    { repository: 'image', reference: ':v1', parts: { image: whole([image.digest]) } },
    {
      repository: 'index',
      reference: ':v1',
      parts: {
        index: whole([index.digest, ...subjects]),
        'index-referrers': await referrers([index.digest]),
        'member-referrers': await referrers(subjects),
        'referrer-referrers': await referrers([receiptParent]),
        'index-tags': tags([index.digest], ['sig', 'att', 'sbom']),
        'member-tags': tags(subjects, ['sig', 'att']),
      },
    },
    { repository: 'sha512', reference: `@${digest}`, parts: { sha512: whole([digest]) } },
  ]
}

function everyOf<T>(items: readonly T[], holds: (store: Store, item: T) => Promise<boolean>) {
  return async (store: Store): Promise<boolean> => {
    for (const item of items) if (!(await holds(store, item))) return false
    return true
  }
}

/** Whether a manifest is there under this digest, with its configuration and layers. */
async function isWhole(store: Store, digest: Digest): Promise<boolean> {
  if ((await store.resolve({ digest })) === null) return false
  const { content } = await store.getManifest(digest)
  return isIndex(content) || everyOf([content.config, ...content.layers], (of, part) => of.hasBlob(part.digest))(store)
}

/** The image once more, whose manifest, configuration and layer are named by SHA-512. */
async function putBySha512(store: Store, from: Store, digest: Digest): Promise<Digest> {
  const { content } = await from.getManifest(digest)
  if (isIndex(content)) throw new TypeError('an index')
  const again = async (part: Descriptor): Promise<Descriptor> => {
    const bytes = await collect(await from.openBlob(part), part.size, part.digest)
    const expect = { digest: digestLike('sha512:', bytes), size: bytes.length }
    return { mediaType: part.mediaType, ...(await store.putBlob({ stream: once(bytes), expect })) }
  }
  const layers = await Promise.all(content.layers.map(again))
  const bytes = manifestBytes({ ...content, config: await again(content.config), layers })
  return (await store.putManifest(bytes, content.mediaType, { digest: digestLike('sha512:', bytes) })).digest
}

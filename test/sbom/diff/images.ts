import { createHash, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { encryptImage } from '../../../src/encrypt/encrypt-image.ts'
import { readJweKey } from '../../../src/encrypt/jwe.ts'
import { openLayout } from '../../../src/oci/layout.ts'
import { manifestBytes } from '../../../src/oci/manifest.ts'
import { mediaTypes } from '../../../src/oci/types.ts'
import { makeImage, tar, type MadeImage, type Short } from '../../image/make-image.ts'
import { application, debian, status } from '../fixture.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

/** Debian with a package whose files have sums, one of them a configuration file, and a Node application. */
export const base: Short[] = [
  ...debian.filter(({ path }) => path !== 'var/lib/dpkg/status'),
  {
    path: 'var/lib/dpkg/status',
    text: `${status}
Package: tool
Status: install ok installed
Maintainer: Jane Doe <jane@example.org>
Architecture: amd64
Version: 1.2-3
Depends: libc6
Conffiles:
 /etc/tool.conf ${md5('setting')}
Description: A tool
`,
  },
  { path: 'var/lib/dpkg/info/tool.list', text: '/.\n/usr\n/usr/sbin\n/usr/sbin/tool\n/etc/tool.conf\n' },
  { path: 'var/lib/dpkg/info/tool.md5sums', text: `${md5('the tool')}  usr/sbin/tool\n` },
  { path: 'var/lib/dpkg/info/tool.conffiles', text: '/etc/tool.conf\n' },
  { path: 'usr/sbin/tool', text: 'the tool', mode: 0o755 },
  { path: 'etc/tool.conf', text: 'setting' },
]

export const layers: Short[][] = [base, application]

/** The layers with one entry changed, added (`text` etc. for a new path) or, with null, removed. */
export function edited(path: string, change: Partial<Short> | null): Short[][] {
  const all = layers.flat()
  if (!all.some((one) => one.path === path) && change !== null) return [base, [...application, { path, ...change }]]
  return layers.map((layer) =>
    layer.flatMap((one) => (one.path !== path ? [one] : change === null ? [] : [{ ...one, ...change }])),
  )
}

export function referenceOf({ directory, digest }: MadeImage): string {
  return `oci:${directory}@${digest}`
}

/** The same image under other blobs: gzip of another level. */
export async function recompressed(level: number): Promise<MadeImage> {
  const made = await makeImage(layers)
  const descriptors = []
  for (const layer of layers) {
    const bytes = gzipSync(await tar(layer), { level })
    descriptors.push({ mediaType: mediaTypes.layerGzip, ...(await made.store.putBlob({ bytes })) })
  }
  const bytes = manifestBytes({ ...made.image.manifest, layers: descriptors })
  const { digest } = await made.store.putManifest(bytes, mediaTypes.manifest, { tag: 'other' })
  return { ...made, digest }
}

/** The image encrypted for a key, which lies in a file. */
export async function encrypted(): Promise<{ reference: string; key: string; made: MadeImage }> {
  const made = await makeImage(layers)
  return { ...(await encryptedForm(made)), made }
}

/** An image encrypted for a key, which lies in a file. */
export async function encryptedForm(made: MadeImage): Promise<{ reference: string; key: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwe = readJweKey(publicKey.export({ type: 'spki', format: 'pem' }).toString(), 'test')
  const directory = scratch('encrypted')
  const ports = testPorts()
  const target = openLayout(directory, 'localhost/encrypted', ports)
  const plan = {
    target,
    recipients: [{ scheme: 'jwe', keyId: jwe.id, key: jwe }],
    kek: () => Promise.reject(new Error('no KEK here')),
    random: ports.random,
  } as const
  const { descriptor } = await encryptImage(made.store, made.image, plan, { tag: 'encrypted' })
  const key = join(scratch('key'), 'key.pem')
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { reference: `oci:${directory}:encrypted@${descriptor.digest}`, key }
}

/** An index of images by platform, in the layout of the first one. */
export async function indexOf(...platforms: [architecture: string, layers: Short[][]][]): Promise<string> {
  const directory = scratch('index')
  const store = openLayout(directory, 'localhost/index', testPorts())
  const manifests = []
  for (const [architecture, content] of platforms) {
    const made = await makeImage(content, { config: { architecture } })
    for (const blob of [made.image.manifest.config, ...made.image.manifest.layers])
      await store.putBlob({ stream: await made.store.openBlob(blob) })
    const stored = await made.store.getManifest(made.digest)
    const put = await store.putManifest(stored.bytes, mediaTypes.manifest)
    manifests.push({ ...put, platform: { os: 'linux', architecture } })
  }
  const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
  await store.putManifest(Buffer.from(JSON.stringify(index)), mediaTypes.index, { tag: 'latest' })
  return `oci:${directory}:latest`
}

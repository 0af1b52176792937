import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../../src/base/ports.ts'
import { collect, digestLike, once } from '../../../src/base/streams.ts'
import { fallbackTag } from '../../../src/oci/digest.ts'
import { isIndex, manifestBytes } from '../../../src/oci/manifest.ts'
import type { Descriptor, Digest, Store } from '../../../src/oci/types.ts'
import { runInProcess, type Performed } from '../../../testkit/in-process.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { startRegistry } from '../../../testkit/registry.ts'
import { putSmallImage, smallFiles } from '../../../testkit/small-image.ts'
import { storeOf } from '../../oci/store.ts'

import { putArtifact } from '../../../src/oci/artifact.ts'
const statements = 'sign,spdx,inventory'

/** The small image, whose manifest, configuration and layer are all named by SHA-512. */
async function putBySha512(store: Store, plain: Store): Promise<Digest> {
  const { digest } = await putSmallImage(plain, smallFiles)
  const { content } = await plain.getManifest(digest)
  if (isIndex(content)) throw new TypeError('an index')
  const again = async (part: Descriptor): Promise<Descriptor> => {
    const bytes = await collect(await plain.openBlob(part), part.size, part.digest)
    const expect = { digest: digestLike('sha512:', bytes), size: bytes.length }
    return { mediaType: part.mediaType, ...(await store.putBlob({ stream: once(bytes), expect })) }
  }
  const layers = await Promise.all(content.layers.map(again))
  const bytes = manifestBytes({ ...content, config: await again(content.config), layers })
  const named = { digest: digestLike('sha512:', bytes), tag: 'v1' }
  return (await store.putManifest(bytes, content.mediaType, named)).digest
}

function prepare(ports: Ports): void {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const write = (name: string, text: string): void => writeFileSync(join(ports.roots.cwd, name), text)
  write('key.pem', pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
  write('key.pub', pair.publicKey.export({ type: 'spki', format: 'pem' }) as string)
  write(
    'policy.yml',
    `version: 1
release-keys: [key.pub]
accept-signature-only: true
accept-not-rebuilt: true
statements: [${statements}]
`,
  )
}

interface Listed {
  manifests: number
  gaps: unknown[]
  roots: number
  untagged: unknown[]
  orphans: unknown[]
  corrected: unknown[]
  images: { digest: string; rows: { verdict: string }[] }[]
}

test.each(['layout', 'registry', 'registry without the referrers API'])(
  'an image that is named by SHA-512 in a %s: each command works',
  async (where) => {
    const ports = testPorts()
    prepare(ports)
    const quirks = where.endsWith('API') ? ['no-referrers'] : []
    const registry = where === 'layout' ? null : await startRegistry('quirky', { quirks })
    try {
      const [from, to] = registry === null ? ['oci:from', 'oci:to'] : [`${registry.host}/a`, `${registry.host}/b`]
      const store = storeOf(from, ports)
      const digest = await putBySha512(store, storeOf('oci:plain', ports))
      const image = `${from}@${digest}`
      const run = async (...argv: string[]): Promise<Performed & { outputs: Partial<Listed> }> =>
        runInProcess(argv, ports)
      const done = async (...argv: string[]): Promise<Partial<Listed>> => {
        const { outcome, outputs, error } = await run(...argv)
        expect([argv[0], outcome, error?.message]).toEqual([argv[0], 'done', undefined])
        return outputs
      }
      const verify = (of: string): string[] => ['verify-deploy', '--image', of, '--policy', 'policy.yml']
      expect((await run(...verify(image))).outcome).toBe('refused: missing-evidence, signature-invalid')
      await done('sbom', '--image', image)
      await done(
        ...['sign-attest', '--image', image, '--signer', 'key', '--key', 'key.pem', '--statements', statements],
      )
      await done(...verify(image))
      await done('sbom', 'verify', image, '--public-key', 'key.pub')
      // Three statements, the inventory, and cosign's tags of the image.
      expect(await done('tree', image)).toMatchObject({ manifests: 7, gaps: [] })
      const { images = [] } = await done('query', image, '--public-key', 'key.pub', '--cache', 'none')
      expect(images.map((one) => one.digest)).toEqual([digest])
      expect(images[0]?.rows.filter(({ verdict }) => verdict === 'verified').length).toBeGreaterThanOrEqual(3)
      const report = await done('gc-report', image)
      expect([report.roots, report.untagged?.length]).toEqual([1, 4])
      // Lists and signatures of an image that is there are no orphans, although their tags hold only a part of its digest.
      expect((await done('gc-report', from)).orphans).toEqual([])
      expect((await store.tags()).filter((tag) => tag.startsWith(`${fallbackTag(digest)}.`))).toHaveLength(2)
      expect(await done('repair', image, '--scan')).toMatchObject({ added: [], corrected: [], missing: [] })
      await done('promote', '--from', image, '--to', `${to}:v1`, '--policy', 'policy.yml')
      await done(...verify(`${to}@${digest}`))
      expect(await done('tree', `${to}@${digest}`)).toMatchObject({ manifests: 7, gaps: [] })
    } finally {
      await registry?.close()
    }
  },
  60_000,
)

test('the list of an image by SHA-512 that is gone is reported with the whole digest of the image', async () => {
  const ports = testPorts()
  const registry = await startRegistry('quirky', { quirks: ['no-referrers'] })
  try {
    const store = storeOf(`${registry.host}/a`, ports)
    const digest = digestLike('sha512:', Buffer.from('gone'))
    const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 4 }
    await putArtifact(store, { artifactType: 'a/b', subject, layers: [] })
    await putSmallImage(store, smallFiles, 'v1')
    const { outputs } = await runInProcess(['gc-report', `${registry.host}/a`], ports)
    expect(outputs['orphans']).toEqual([{ name: fallbackTag(digest), subject: digest }])
  } finally {
    await registry.close()
  }
})

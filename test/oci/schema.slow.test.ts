import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peer, withPeers } from '../../testkit/peers.ts'
import { startJob } from '../e2e/job.ts'

/** Media types that image-spec 1.1 has a schema for. */
const judged = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.config.v1+json',
]

interface Named {
  mediaType: string
  digest: string
}

interface Item {
  what: string
  mediaType: string
  document: Buffer
}

/** Verdicts of image-spec's own package, in order. */
function judge(items: readonly Item[]): string[] {
  const lines = items.map(({ mediaType, document }) =>
    JSON.stringify({ mediaType, document: document.toString('base64') }),
  )
  const { stdout, status } = spawnSync(peer('oci-schema'), { input: `${lines.join('\n')}\n`, encoding: 'utf8' })
  expect(status).toBe(0)
  return stdout.trim().split('\n')
}

/** All documents of a layout that have a schema, each once. */
function documentsOf(layout: string): Item[] {
  const found = new Map<string, Item>()
  const visit = (mediaType: string, what: string, document: Buffer): void => {
    if (found.has(what) || !judged.includes(mediaType)) return
    found.set(what, { what, mediaType, document })
    if (mediaType === judged[2]) return
    const { manifests = [], config } = JSON.parse(document.toString('utf8')) as { manifests?: Named[]; config?: Named }
    for (const { mediaType: type, digest } of [...manifests, ...(config === undefined ? [] : [config])])
      visit(type, digest, readFileSync(join(layout, 'blobs', digest.replace(':', '/'))))
  }
  visit(judged[0] ?? '', `${layout}/index.json`, readFileSync(join(layout, 'index.json')))
  const version = readFileSync(join(layout, 'oci-layout'))
  return [...found.values(), { what: `${layout}/oci-layout`, mediaType: 'layout', document: version }]
}

withPeers(
  ['oci-schema'],
  'all manifests, indexes and configurations that we write fit the schemas of image-spec',
  async () => {
    const job = await startJob()
    try {
      const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const pub = join(job.folder, 'reader.pub')
      writeFileSync(pub, pair.publicKey.export({ type: 'spki', format: 'pem' }))
      const { image: plain = '' } = await job.run('sign-attest', '--output', `oci:${join(job.folder, 'plain')}:v1`)
      await job.run('encrypt', '--recipients', `jwe:${pub}`)
      await job.run('sign-attest', '--output', `oci:${join(job.folder, 'encrypted')}:v1`)
      const promoted = join(job.folder, 'promoted')
      await job.run('promote', '--from', plain, '--to', `oci:${promoted}:v1`, '--policy', job.policy)
      const layouts = ['plain', 'encrypted', 'promoted'].map((name) => join(job.folder, name))
      const items = layouts.flatMap(documentsOf)
      const verdicts = judge(items).map((verdict, i) => `${items[i]?.what} ${items[i]?.mediaType} ${verdict}`)
      expect(verdicts).toHaveLength(items.length)
      expect(verdicts.filter((line) => !line.endsWith(' valid'))).toEqual([])
      for (const type of judged) expect(items.filter(({ mediaType }) => mediaType === type).length).toBeGreaterThan(2)
    } finally {
      await job.stop()
      rmSync(job.folder, { recursive: true, force: true, maxRetries: 3 })
    }
  },
)

withPeers(['oci-schema'], 'the judge refuses documents that do not fit', async () => {
  const config = { mediaType: judged[2], digest: `sha256:${'a'.repeat(64)}`, size: 2 }
  const manifest = { schemaVersion: 2, mediaType: judged[1], config, layers: [config] }
  const item = (document: object, mediaType = judged[1] ?? ''): Item => ({
    what: '',
    mediaType,
    document: Buffer.from(JSON.stringify(document)),
  })
  const verdicts = judge([
    item(manifest),
    item({ ...manifest, config: { ...config, digest: 'sha256:short!' } }),
    item({ ...manifest, schemaVersion: 1 }),
    item({ ...manifest, layers: undefined }),
    item({ schemaVersion: 2, manifests: [{ digest: config.digest, size: 2 }] }, judged[0]),
    item({ os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }, judged[2]),
  ])
  expect(verdicts.map((verdict) => verdict.split(' ')[0])).toEqual(['valid', ...Array(5).fill('invalid')])
})

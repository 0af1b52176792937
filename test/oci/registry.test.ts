import { execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Http } from '../../src/base/ports.ts'
import { sha256 } from '../../src/base/streams.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { copyImage } from '../../src/oci/copy.ts'
import { resolveImage } from '../../src/oci/open.ts'
import type { Digest } from '../../src/oci/types.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { testPorts } from '../../testkit/ports.ts'
import { registryLogin, registryPeers, startRegistry } from '../../testkit/registry.ts'
import { codeOf, putImage, readAll, storeOf } from './helpers.ts'

const absent = `sha256:${'0'.repeat(64)}` as Digest

describe.each(['docker', 'referrers'] as const)('%s registry', (kind) => {
  withPeers(
    [registryPeers[kind], 'crane', 'oras'],
    `${kind}: images, blobs, tags and referrers go in and come out`,
    async () => {
      const registry = await startRegistry(kind)
      try {
        const ports = testPorts()
        const text = `${registry.host}/a/app`
        const store = storeOf(text, ports)
        expect(await store.tags()).toEqual([])
        expect(await store.resolve({ tag: 'v1' })).toBeNull()
        const image = await putImage(store, 'layer', 'v1')
        expect(await resolveImage(text, ports)).toMatchObject({ tag: 'v1', reference: `${text}@${image.digest}` })
        expect(await readAll(store, { digest: sha256('layer') as Digest, size: 5 })).toBe('layer')

        async function* flow(): AsyncGenerator<Uint8Array> {
          yield Buffer.from('abc')
          yield Buffer.from('def')
        }
        const known = { digest: sha256('abcdef') as Digest, size: 6 }
        expect(await codeOf(store.putBlob({ stream: flow(), expect: { digest: absent, size: 6 } }))).toBe(
          'digest-mismatch',
        )
        expect(await store.putBlob({ stream: flow() })).toEqual(known)
        expect(await readAll(store, known)).toBe('abcdef')
        const path = join(ports.roots.temp, 'file')
        writeFileSync(path, 'from a file')
        const file = { digest: sha256('from a file') as Digest, size: 11 }
        expect(await store.putBlob({ path, ...file })).toEqual(file)
        expect(await readAll(store, file)).toBe('from a file')
        expect(await codeOf(store.openBlob({ digest: absent, size: 1 }))).toBe('missing-blob')
        expect(await codeOf(store.getManifest(absent))).toBe('missing-blob')

        const parts = { artifactType: 'application/x-test', subject: image, layers: [], annotations: { note: 'x' } }
        const a = await putArtifact(store, parts)
        expect(await putArtifact(store, parts)).toEqual(a)
        const b = await putArtifact(store, { ...parts, artifactType: 'application/x-other' })
        const again = storeOf(text, testPorts())
        expect((await again.referrers(image.digest)).map((d) => d.digest)).toEqual([a.digest, b.digest].sort())
        expect(await again.referrers(image.digest, 'application/x-test')).toEqual([
          { ...a, annotations: { note: 'x' } },
        ])
        const told = execFileSync(peer('oras'), [
          'discover',
          '--plain-http',
          `${text}:v1`,
          '--format',
          'json',
        ]).toString()
        expect(told).toContain(a.digest)
        const manifest = execFileSync(peer('crane'), ['manifest', `${text}@${a.digest}`])
        expect(sha256(manifest)).toBe(a.digest)
        const fallback = `sha256-${image.digest.slice(7)}`
        expect((await again.tags()).includes(fallback)).toBe(kind === 'docker')

        const layout = storeOf('oci:copy', ports)
        await copyImage(again, layout, image.digest, { tag: 'v1' })
        const second = storeOf(`${registry.host}/b/app`, ports)
        expect((await copyImage(layout, second, image.digest, { tag: 'v2' })).digest).toBe(image.digest)
        expect(await second.tags()).toEqual(['v2'])

        // Within one registry blobs are mounted: their bytes are neither read nor sent. The other registry keeps them for all repositories.
        const asked: string[] = []
        const watching: Http = {
          ...ports.http,
          request: (url, options) => {
            asked.push(`${options?.method ?? 'GET'} ${new URL(url).pathname}${new URL(url).search}`)
            return ports.http.request(url, options)
          },
        }
        const watched = { ...ports, http: watching }
        const third = storeOf(`${registry.host}/c/app`, watched)
        expect((await copyImage(storeOf(text, watched), third, image.digest, { tag: 'v3' })).digest).toBe(image.digest)
        expect(await readAll(third, { digest: sha256('layer') as Digest, size: 5 })).toBe('layer')
        expect(asked.filter((line) => /^POST .*\?mount=sha256%3A[0-9a-f]{64}&from=a%2Fapp$/.test(line))).toHaveLength(2)
        expect(asked.filter((line) => /^(GET|PUT) .*blobs/.test(line))).toEqual([
          expect.stringMatching(/^GET .*\/c\/app\/blobs/),
        ])
      } finally {
        await registry.close()
      }
    },
  )
})

withPeers(
  ['docker-registry'],
  'a registry that wants a password gets it from config.json, and a wrong one is told',
  async () => {
    const registry = await startRegistry('docker', { auth: true })
    try {
      const put = (password: string | null): Promise<unknown> => {
        const dir = mkdtempSync(join(tmpdir(), 'sealwright-auth-'))
        const auth = Buffer.from(`${registryLogin.username}:${password}`).toString('base64')
        writeFileSync(
          join(dir, 'config.json'),
          JSON.stringify({ auths: password === null ? {} : { [registry.host]: { auth } } }),
        )
        return putImage(storeOf(`${registry.host}/app`, testPorts({ env: { DOCKER_CONFIG: dir } })), 'layer', 'v1')
      }
      expect(await codeOf(put(null))).toBe('unauthorized')
      expect(await codeOf(put('wrong'))).toBe('unauthorized')
      expect(await codeOf(put(registryLogin.password))).toBe('none')
    } finally {
      await registry.close()
    }
  },
)

import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { loadImage } from '../../../src/image/load.ts'
import type { Digest } from '../../../src/oci/types.ts'
import { startContainerd, type Pulled, type RunningContainerd } from '../../../testkit/containerd.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { startRegistry } from '../../../testkit/registry.ts'
import { runPeer } from '../../../testkit/run-peer.ts'
import { makePlace, providerConfig, uri, type Place } from './place.ts'

/** Image, its recipients, and the keys of the node; none where the key provider has the key. */
const forms: [tag: string, recipients: string[], keys: string[]][] = [
  ['gzip', ['jwe:rsa.pub'], ['rsa.pem']],
  ['tar', ['jwe:large.pub', 'jwe:P-384.pub'], ['P-384.pem']],
  ['second', ['pkcs7:rsa.crt'], ['rsa.pem', 'rsa.crt']],
]

async function pull(place: Place, containerd: RunningContainerd, host: string, name: string): Promise<Pulled> {
  const to = ['--dest-tls-verify=false', 'oci:images:sealed', `docker://${host}/${name}:1`]
  const pushed = await runPeer('skopeo', ['--insecure-policy', 'copy', ...to], { cwd: place.folder })
  expect(pushed.code).toBe(0)
  return containerd.pull(`${host}/${name}:1`)
}

withPeers(
  ['containerd', 'ctd-decoder', 'skopeo', 'docker-registry'],
  'containerd opens our images for a node that has the key, by file or from our key provider',
  async () => {
    const place = await makePlace(testPorts())
    const registry = await startRegistry('docker')
    const containerd = await startContainerd(registry.host, providerConfig(place.folder, 'attestation-agent'))
    const give = (files: readonly string[]): void => {
      for (const file of readdirSync(containerd.keys)) rmSync(join(containerd.keys, file))
      for (const file of files) cpSync(join(place.folder, file), join(containerd.keys, file))
    }
    const expectPulled = async (tag: string, name: string): Promise<void> => {
      const { configDigest } = await loadImage(place.store, (await place.store.resolve({ tag }))?.digest as Digest)
      expect(await pull(place, containerd, registry.host, name)).toEqual({ image: configDigest, failure: '' })
      expect(containerd.unpacked('etc/secret').filter((text) => text.startsWith(`${tag} `))).toHaveLength(1)
    }
    try {
      for (const [tag, recipients, keys] of forms) {
        await place.seal(tag, recipients, 'sealed')
        for (const wrong of [[], ['other.pem']]) {
          give(wrong)
          expect(await pull(place, containerd, registry.host, tag)).toEqual({
            image: '',
            failure: expect.stringMatching(/missing private key|private keys could be used|wrong diff id|no x509/),
          })
          expect(containerd.unpacked('etc/secret').some((text) => text.startsWith(`${tag} `))).toBe(false)
        }
        give(keys)
        await expectPulled(tag, tag)
      }
      // containerd 2.1 hands the decoder no descriptor of an encrypted layer of this compression: its list of such types lacks it. Which of
      // two ends of that it tells first differs from run to run.
      await place.seal('zstd', ['jwe:rsa.pub'], 'sealed')
      give(['rsa.pem'])
      expect(await pull(place, containerd, registry.host, 'zstd')).toEqual({
        image: '',
        failure: expect.stringMatching(
          /tar\+zstd\+encrypted .* descriptor of the layer: |wrong diff id calculated on extraction/s,
        ),
      })
      give([])
      await place.seal('third', [uri], 'sealed')
      await expectPulled('third', 'provided')
    } finally {
      await containerd.close()
      await registry.close()
    }
  },
)

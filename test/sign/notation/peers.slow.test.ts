import { attachNotation, findNotation, readNotation } from '../../../src/sign/notation/attach.ts'
import { notationArtifactType, thumbprintAnnotation } from '../../../src/sign/notation/names.ts'
import { judgeNotation } from '../../../src/sign/notation/verify.ts'
import { stampNotation, writeNotation } from '../../../src/sign/notation/write.ts'
import type { Digest } from '../../../src/oci/types.ts'
import { isIndex } from '../../../src/oci/manifest.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../../testkit/registry.ts'
import { putImage, storeOf } from '../fixtures.ts'
import { makeAuthority } from '../../../testkit/timestamp/authority.ts'
import { makeToken } from '../../../testkit/timestamp/token.ts'
import { certified } from './fixtures.ts'
import { notation, notationHome } from './program.ts'

for (const kind of ['referrers', 'docker'] as const) {
  withPeers(['notation', registryPeers[kind]], `notation and we take each other's signatures (${kind})`, async () => {
    const registry = await startRegistry(kind)
    try {
      const store = storeOf(`${registry.host}/team/app`, testPorts())
      for (const format of ['cose', 'jws'] as const) {
        for (const key of ['P-256', 'P-384', 'rsa'] as const) {
          const by = certified(key)
          const home = notationHome(by)
          const ours = await putImage(store, 'ours', `ours ${format} ${key}`)
          const name = `${registry.host}/team/app@${ours.digest}`
          const verify = (reference: string): { code: number; text: string } =>
            notation(home, 'verify', '--insecure-registry', reference)
          expect(verify(name).code).not.toBe(0)
          const envelope = await writeNotation(
            { target: ours, chain: by.chain, signer: by.signer, signingTime: new Date() },
            format,
          )
          await attachNotation(store, ours, envelope, format)
          expect(verify(name)).toMatchObject({
            code: 0,
            text: expect.stringContaining('Successfully verified signature') as string,
          })
          // Another signer of the same name is not trusted.
          expect(notation(notationHome(certified(key)), 'verify', '--insecure-registry', name).code).not.toBe(0)

          const theirs = await putImage(store, 'theirs', `theirs ${format} ${key}`)
          const reference = `${registry.host}/team/app@${theirs.digest}`
          const signed = notation(home, 'sign', '--insecure-registry', '--signature-format', format, reference)
          expect(signed).toMatchObject({ code: 0 })
          const broken: unknown[] = []
          const found = await findNotation(store, theirs, (one) => broken.push(one.error.message))
          expect([broken, found.length]).toEqual([[], 1])
          const trust = {
            store: by.chain.slice(1),
            identities: [{ CN: 'Signer' }],
            stampedTime: null,
            now: new Date(),
          }
          for (const { signature } of found)
            expect(judgeNotation(signature, theirs, trust).filter(({ ok }) => !ok)).toEqual([])
          expect(await manifestOf(ours)).toEqual(await manifestOf(theirs))
        }
      }

      /** What readers look at of the attached manifest, without what differs by run. */
      async function manifestOf(image: { digest: Digest }): Promise<unknown> {
        const [referrer] = await store.referrers(image.digest, notationArtifactType)
        if (referrer === undefined) throw new Error('no referrer')
        const { content } = await store.getManifest(referrer.digest)
        if (isIndex(content)) throw new Error('an index')
        // notation 1.3 names the type in the config only; the specification takes both.
        const { config, layers, annotations = {} } = content
        return [config.mediaType, layers.map(({ mediaType }) => mediaType), annotations[thumbprintAnnotation]]
      }
    } finally {
      await registry.close()
    }
  })
}

withPeers(['notation'], 'notation takes our stamped signature after the certificate ended', async () => {
  const registry = await startRegistry('referrers')
  try {
    const store = storeOf(`${registry.host}/team/app`, testPorts())
    const authority = makeAuthority({ kind: 'rsa' })
    const ended = { to: new Date('2025-01-01T00:00:00Z') }
    const by = certified('P-256', ended)
    const at = new Date('2024-06-01T00:00:00Z')
    for (const format of ['cose', 'jws'] as const) {
      for (const stamped of [true, false]) {
        const image = await putImage(store, 'late', `late ${format} ${stamped}`)
        const made = { target: image, chain: by.chain, signer: by.signer, signingTime: at }
        const envelope = await writeNotation(made, format)
        const { signature } = readNotation(envelope, format, 'it')
        const token = makeToken(authority, signature, { at, certificates: [authority.leaf, authority.root] })
        await attachNotation(store, image, stamped ? stampNotation(envelope, format, token) : envelope, format)
        const name = `${registry.host}/team/app@${image.digest}`
        const { code, text } = notation(notationHome(by, authority), 'verify', '--insecure-registry', name)
        expect([format, stamped, code === 0, code === 0 ? '' : text]).toEqual([
          format,
          stamped,
          stamped,
          stamped ? '' : text,
        ])
      }
    }
  } finally {
    await registry.close()
  }
})

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope, verifyEnvelope } from '../../src/sign/dsse.ts'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { attachCosignAttestation, attachCosignSignature } from '../../src/sign/legacy.ts'
import { loadPublicKey, verifySignature } from '../../src/sign/public-key.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { predicateTypes, type Signer } from '../../src/statement/types.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { newSigner, privatePem, putImage, storeOf, type KeyKind } from './fixtures.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'

const kinds = ['referrers', 'docker'] as const
const flags = ['--private-infrastructure=true']

interface Place {
  store: Store
  image: Descriptor
  name: string
  dir: string
  run(program: string, ...args: string[]): string
  /** Exit code 0 or not; the output goes nowhere. */
  accepts(program: string, ...args: string[]): boolean
}

async function inRegistry(kind: 'docker' | 'referrers', fn: (place: Place) => Promise<void>): Promise<void> {
  const registry = await startRegistry(kind)
  const dir = scratch('sign')
  const name = `${registry.host}/team/app`
  const env = { PATH: process.env['PATH'], HOME: dir, COSIGN_PASSWORD: 'secret' }
  const run = (program: string, ...args: string[]): string =>
    execFileSync(peer(program), args, { env, cwd: dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    const store = storeOf(name, testPorts())
    const image = await putImage(store, 'v1')
    const accepts = (program: string, ...args: string[]): boolean => {
      try {
        run(program, ...args)
        return true
      } catch {
        return false
      }
    }
    await fn({ store, image, name, dir, run, accepts })
  } finally {
    await registry.close()
  }
}

async function attachAll({ store, image }: Place, signer: Signer): Promise<void> {
  const attestations = []
  for (const kind of ['sign', 'spdx', 'provenance'] as const) {
    const predicate = kind === 'spdx' ? { spdxVersion: 'SPDX-2.3' } : {}
    const envelope = await signEnvelope(
      looseStatement(kind, { name: store.identity, digest: image.digest }, predicate),
      signer,
    )
    await attachBundle(store, image, makeBundle(envelope, signer.hint), predicateTypes[kind])
    if (kind !== 'sign') attestations.push({ envelope, predicateType: predicateTypes[kind] })
  }
  await attachCosignAttestation(store, image, attestations)
  const payload = simpleSigningPayload({ dockerReference: store.identity, digest: image.digest })
  await attachCosignSignature(store, image, [{ payload, signature: await signer.sign(payload) }])
}

for (const registry of kinds) {
  const needs = [registryPeers[registry], 'cosign2', 'cosign3']
  for (const key of ['p256', 'rsa', 'ed25519'] as KeyKind[]) {
    withPeers(needs, `both cosigns accept ours (${registry}, ${key}) and refuse another key`, () =>
      inRegistry(registry, async (place) => {
        const [signer, other] = [await newSigner(key), await newSigner(key)]
        await attachAll(place, signer)
        writeFileSync(join(place.dir, 'good.pub'), signer.publicKeyPem)
        writeFileSync(join(place.dir, 'other.pub'), other.publicKeyPem)
        const image = `${place.name}@${place.image.digest}`
        for (const cosign of ['cosign2', 'cosign3']) {
          for (const [file, expected] of [
            ['good.pub', true],
            ['other.pub', false],
          ] as const) {
            expect([cosign, file, place.accepts(cosign, 'verify', '--key', file, ...flags, image)]).toEqual([
              cosign,
              file,
              expected,
            ])
            const attestation = ['verify-attestation', '--key', file, ...flags, '--type', 'spdxjson', image]
            expect([cosign, file, place.accepts(cosign, ...attestation)]).toEqual([cosign, file, expected])
          }
          expect(
            place.accepts(cosign, 'verify-attestation', '--key', 'good.pub', ...flags, '--type', 'cyclonedx', image),
          ).toBe(false)
        }
      }),
    )
  }

  withPeers(needs, `cosign accepts an image that carries signatures of two keys with either (${registry})`, () =>
    inRegistry(registry, async (place) => {
      const signers = [await newSigner(), await newSigner()]
      for (const [i, signer] of signers.entries()) {
        await attachAll(place, signer)
        writeFileSync(join(place.dir, `${i}.pub`), signer.publicKeyPem)
      }
      for (const cosign of ['cosign2', 'cosign3']) {
        for (const file of ['0.pub', '1.pub']) {
          expect(place.accepts(cosign, 'verify', '--key', file, ...flags, `${place.name}@${place.image.digest}`)).toBe(
            true,
          )
        }
      }
    }),
  )

  withPeers(
    [registryPeers[registry], 'oras', 'crane'],
    `oras discover and crane list our referrers (${registry})`,
    () =>
      inRegistry(registry, async (place) => {
        await attachAll(place, await newSigner())
        const image = `${place.name}@${place.image.digest}`
        const found = JSON.parse(place.run('oras', 'discover', '--plain-http', '--format', 'json', image)) as {
          referrers?: { digest: string }[]
          manifests?: { digest: string }[]
        }
        const listed = (found.referrers ?? found.manifests ?? []).map(({ digest }) => digest)
        expect(listed.sort()).toEqual(
          (await place.store.referrers(place.image.digest)).map(({ digest }) => digest).sort(),
        )
        expect(listed).toHaveLength(3)
        for (const digest of listed) {
          const manifest = JSON.parse(place.run('crane', 'manifest', '--insecure', `${place.name}@${digest}`)) as {
            subject: Descriptor
          }
          expect(manifest.subject.digest).toBe(place.image.digest)
        }
      }),
  )

  withPeers(needs, `we accept what both cosigns signed with one cosign.key (${registry})`, () =>
    inRegistry(registry, async (place) => {
      place.run('cosign3', 'generate-key-pair')
      const { readFileSync } = await import('node:fs')
      const file = (name: string): string => readFileSync(join(place.dir, name), 'utf8')
      const key = loadPublicKey(file('cosign.pub'))
      expect((await loadSigner(file('cosign.key'), 'secret')).publicKeyPem).toBe(key.pem)
      await expect(loadSigner(file('cosign.key'), 'other')).rejects.toMatchObject({ code: 'file-invalid' })

      const image = `${place.name}@${place.image.digest}`
      writeFileSync(join(place.dir, 'sbom.json'), '{"spdxVersion":"SPDX-2.3"}')
      writeFileSync(
        join(place.dir, 'config.json'),
        '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}',
      )
      const quiet = ['--key', 'cosign.key', '--yes', '--tlog-upload=false']
      place.run('cosign2', 'sign', ...quiet, image)
      place.run('cosign2', 'attest', ...quiet, '--type', 'spdxjson', '--predicate', 'sbom.json', image)
      const bundled = ['--key', 'cosign.key', '--yes', '--signing-config', 'config.json']
      place.run('cosign3', 'sign', ...bundled, image)
      place.run('cosign3', 'attest', ...bundled, '--type', 'spdxjson', '--predicate', 'sbom.json', image)

      const statements = await findStatements(place.store, place.image)
      expect(statements.map(({ origin, predicateType }) => `${origin} ${predicateType}`).sort()).toEqual([
        `att ${predicateTypes.spdx}`,
        `referrer ${predicateTypes.sign}`,
        `referrer ${predicateTypes.spdx}`,
      ])
      const other = await newSigner()
      for (const { envelope, statement } of statements) {
        expect(verifyEnvelope(envelope, key.pem).length).toBeGreaterThan(0)
        expect(statement.subject[0].digest.sha256).toBe(place.image.digest.slice(7))
        expect(() => verifyEnvelope(envelope, other.publicKeyPem)).toThrow(
          expect.objectContaining({ code: 'signature-invalid' }),
        )
      }
      const [signature] = await findCosignSignatures(place.store, place.image)
      expect(signature?.claims).toEqual({ dockerReference: place.name, digest: place.image.digest })
      expect(signature && verifySignature(key, signature.payload, signature.signature)).toBe(true)
    }),
  )
}

withPeers(['cosign3'], 'cosign imports a key of ours and both mean the same', async () => {
  const dir = scratch('import')
  const pem = privatePem()
  writeFileSync(join(dir, 'ours.pem'), pem)
  const env = { PATH: process.env['PATH'], HOME: dir, COSIGN_PASSWORD: '' }
  execFileSync(peer('cosign3'), ['import-key-pair', '--key', 'ours.pem'], { env, cwd: dir, stdio: 'ignore' })
  const { readFileSync } = await import('node:fs')
  const signer = await loadSigner(readFileSync(join(dir, 'import-cosign.key'), 'utf8'), null)
  expect(signer.publicKeyPem).toBe((await loadSigner(pem, null)).publicKeyPem)
})

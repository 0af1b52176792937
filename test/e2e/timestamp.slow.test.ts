import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cleanEnv, cli, succeed } from '../../testkit/cli.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { startTimestampServer } from '../../testkit/timestamp/server.ts'
import { makeResponse, makeToken } from '../../testkit/timestamp/token.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { findStatements } from '../../src/sign/find.ts'
import { testPorts } from '../../testkit/ports.ts'
import { cosigns } from './shell.ts'
import { startJob } from './job.ts'

const privateInfrastructure = '--private-infrastructure=true'

/** A small image in a registry, built and signed by a key that stays; nothing of it is stamped. */
async function signedImage(
  host: string,
  folder: string,
  more: readonly string[],
): Promise<{ image: string; key: string }> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(folder, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  mkdirSync(join(folder, 'context'))
  writeFileSync(join(folder, 'context/Containerfile'), 'FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n')
  writeFileSync(join(folder, 'context/hello'), 'hello\n')
  const run = (...args: string[]): ReturnType<typeof succeed> =>
    succeed([...args, '--state', join(folder, 'state')], { cwd: folder })
  const fixed = ['--context', 'context', '--builder', 'embedded', '--source-date-epoch', '0', '--rebuilds', '0']
  const { image = '' } = await run('build-reproducible', ...fixed, '--output', `${host}/app/app:v1`)
  const signed = await run('sign-attest', '--image', image, '--signer', 'key', '--key', 'key.pem', ...more)
  return { image: image.replace(/:v1@/, '@'), key: signed['public-key-path'] ?? '' }
}

withPeers(
  [registryPeers.referrers, ...cosigns],
  'cosign verifies stamped bundles with and without their authority',
  async () => {
    const folder = scratch('stamped')
    const registry = await startRegistry('referrers')
    const authority = makeAuthority()
    const service = await startTimestampServer(authority)
    try {
      writeFileSync(join(folder, 'tsa.pem'), authority.pem)
      writeFileSync(join(folder, 'other.pem'), makeAuthority({ name: 'Other TSA' }).pem)
      const cosign = (name: (typeof cosigns)[number], ...args: string[]): string => {
        try {
          const options = {
            cwd: folder,
            env: { ...cleanEnv(), HOME: folder },
            encoding: 'utf8',
            timeout: 60_000,
          } as const
          return execFileSync(peer(name), args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
        } catch (error) {
          return `refused: ${(error as { stderr: string }).stderr}`
        }
      }
      const { image, key } = await signedImage(registry.host, folder, ['--timestamp', service.url])
      for (const name of ['tsa', 'other'])
        expect(
          cosign(
            'cosign3',
            ...['trusted-root', 'create', '--tsa', `url=${service.url},certificate-chain=${name}.pem`],
            ...['--out', `${name}.json`],
          ),
        ).toBe('')
      const flags = ['--key', key, privateInfrastructure]
      const verify = (name: (typeof cosigns)[number], ...more: string[]): string =>
        cosign(name, 'verify', ...flags, ...more, image)
      const attested = (name: (typeof cosigns)[number], ...more: string[]): string =>
        cosign(name, 'verify-attestation', ...flags, '--type', 'slsaprovenance1', ...more, image)
      for (const name of cosigns) {
        expect(verify(name)).toContain('docker-manifest-digest')
        expect(attested(name)).toContain('"payload"')
      }
      const timed = ['--trusted-root', 'tsa.json', '--use-signed-timestamps']
      expect(verify('cosign3', ...timed)).toContain('docker-manifest-digest')
      expect(attested('cosign3', ...timed)).toContain('"payload"')
      // Asked for the stamp of another authority, cosign finds none: so it did look at ours.
      expect(attested('cosign3', '--trusted-root', 'other.json', '--use-signed-timestamps')).toMatch(/^refused: /)
    } finally {
      await service.close()
      await registry.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    }
  },
)

test('a job of the command line is stamped, and a policy that pins the service needs no line for it', async () => {
  const authority = makeAuthority()
  const service = await startTimestampServer(authority)
  const job = await startJob()
  try {
    const image = `oci:${join(job.folder, 'out')}:v1`
    await job.run('sign-attest', '--output', image, '--timestamp', service.url)
    const chain = join(job.folder, 'tsa.pem')
    writeFileSync(chain, authority.pem)
    const policy = join(job.folder, 'init.yml')
    const pins = ['--timestamp-authority', chain, '--output', policy]
    await succeed(['policy', 'init', '--image', image, ...pins])
    const state = ['--state', join(job.folder, 'gate')]
    const gate = (): ReturnType<typeof cli> => cli(['verify-deploy', '--image', image, '--policy', policy, ...state])
    expect((await gate()).outputs).toMatchObject({ verified: 'true', reasons: '' })

    // Nobody takes that away by adding stamps of a later time, or of his own.
    const store = openStore(parseReference(image, '/'), testPorts())
    const subject = await store.resolve({ tag: 'v1' })
    const later = new Date(Date.now() + 7 * 3_600_000)
    for (const one of await findStatements(store, subject!)) {
      if (one.origin !== 'referrer' || one.signer?.kind !== 'key') continue
      const signature = Buffer.from(one.envelope.signatures[0]!.sig, 'base64')
      const stamps = [makeResponse(makeToken(authority, signature, { at: later }))]
      await attachBundle(store, subject!, makeBundle(one.envelope, one.signer.hint, stamps), one.predicateType)
    }
    expect((await gate()).outputs).toMatchObject({ verified: 'true', reasons: '' })
  } finally {
    await job.stop()
    await service.close()
    rmSync(job.folder, { recursive: true, force: true, maxRetries: 3 })
  }
})

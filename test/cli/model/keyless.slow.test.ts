import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { sigstorePeers, startLocalSigstore, type LocalSigstore } from '../../../testkit/local-sigstore/start.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { model, put, sign, verify } from './setup.ts'

let started: LocalSigstore | null = null
afterAll(() => started?.close())

/** `model_signing` with the trusted root and the services of the local Sigstore. */
function modelSigning(args: readonly string[]): { good: boolean; said: string } {
  const { status, stdout, stderr } = spawnSync(peer('model-signing'), ['-m', 'model_signing', ...args], {
    encoding: 'utf8',
  })
  return { good: status === 0, said: stdout + stderr }
}

/** Its models need the names of authorities, which no other reader asks for. */
function named(root: Record<string, unknown>): object {
  const authorities = (key: string): object[] =>
    (root[key] as object[]).map((authority) => ({
      subject: { organization: 'local.test', commonName: 'local.test' },
      uri: 'https://local.test',
      ...authority,
    }))
  return {
    ...root,
    certificateAuthorities: authorities('certificateAuthorities'),
    timestampAuthorities: authorities('timestampAuthorities'),
  }
}

withPeers(
  [...sigstorePeers, 'model-signing'],
  'what we sign keyless with a local Sigstore, model_signing verifies by identity, and refuses once it is changed',
  async () => {
    const sigstore = (started ??= await startLocalSigstore())
    const { folder, beside } = model()
    const token = await sigstore.issuer.mint(sigstore.issuer.claims, 'sigstore')
    const config = sigstore.signingConfigs['rekor-server']
    const ours = { directory: folder, 'signing-config': config, 'trusted-root': sigstore.trustedRoot }
    await sign({ ...ours, 'identity-token': beside('token', token), output: beside('ours.sig') })
    await expect(
      sign({ ...ours, 'trusted-root': '', 'identity-token': beside('token', token), output: beside('public.sig') }),
    ).rejects.toMatchObject({
      code: 'certificate-invalid',
      remedy: expect.stringContaining('For another instance give --trusted-root FILE.'),
    })
    const given = {
      file: folder,
      bundle: beside('ours.sig'),
      identity: sigstore.san,
      issuer: sigstore.issuer.url,
      'trusted-root': sigstore.trustedRoot,
    }
    await expect(verify(given)).resolves.toMatchObject({
      outputs: { verified: 'true', identity: sigstore.san, files: 4 },
    })

    const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    const trust = beside(
      'trust.json',
      JSON.stringify({
        mediaType: 'application/vnd.dev.sigstore.clienttrustconfig.v0.1+json',
        trustedRoot: named(read(sigstore.trustedRoot)),
        signingConfig: read(config),
      }),
    )
    const common = ['--trust_config', trust]
    const theirs = (name: string, identity = sigstore.san) =>
      modelSigning([
        ...['verify', 'sigstore', folder, '--signature', beside(name), ...common],
        '--identity',
        identity,
        '--identity_provider',
        sigstore.issuer.url,
      ])
    expect(theirs('ours.sig')).toEqual({ good: true, said: expect.stringContaining('succeeded') })
    expect(theirs('ours.sig', `${sigstore.san}x`)).toMatchObject({ good: false })

    put(folder, { 'weights/new.bin': 'x' })
    await expect(verify(given)).resolves.toMatchObject({ refused: true, outputs: { reason: 'digest-mismatch' } })
    expect(theirs('ours.sig')).toMatchObject({ good: false })
  },
)

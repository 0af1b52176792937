import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { artifactOf } from '../../src/bundle/artifact.ts'
import { identityRule, type IdentityRule } from '../../src/bundle/identity.ts'
import { openKeyless, type KeylessSigner } from '../../src/bundle/keyless/sign.ts'
import { readSigningConfig } from '../../src/bundle/keyless/signing-config.ts'
import { readBundle } from '../../src/bundle/read.ts'
import { verifyBundle } from '../../src/bundle/verify.ts'
import { policyInit } from '../../src/cli/policy-init.ts'
import { openState } from '../../src/agent/state.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { openTimeStamper } from '../../src/log/timestamp/time-stamper.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import {
  rekors,
  sigstorePeers,
  startLocalSigstore,
  type LocalSigstore,
  type Rekor,
} from '../../testkit/local-sigstore/start.ts'
import type { MintOptions } from '../../testkit/oidc.ts'
import { withPeers } from '../../testkit/peers.ts'
import { testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry, type RunningRegistry } from '../../testkit/registry.ts'
import { runPeer, type PeerResult } from '../../testkit/run-peer.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { runSign } from './job.ts'

/** Started by the first test that has its peers. */
let place: { sigstore: LocalSigstore; registry: RunningRegistry } | null = null
async function servers(): Promise<{ sigstore: LocalSigstore; registry: RunningRegistry }> {
  place ??= { sigstore: await startLocalSigstore(), registry: await startRegistry('referrers') }
  return place
}
afterAll(async () => {
  await place?.registry.close()
  await place?.sigstore.close()
})

const needs = [...sigstorePeers, registryPeers.referrers, 'cosign3']

/** A job whose runner gives tokens of the local issuer. */
function jobPorts({ issuer }: LocalSigstore): Ports {
  return testPorts({ env: { PATH: process.env['PATH'], ...issuer.env() } })
}

/** A new image in the registry. @returns its reference by digest */
async function image(name: string): Promise<string> {
  const { registry } = await servers()
  const repository = `${registry.host}/app/${name}`
  const { digest } = await putSmallImage(openStore(parseReference(repository, '/'), testPorts()), smallFiles)
  return `${repository}@${digest}`
}

async function cosign(...args: string[]): Promise<PeerResult> {
  const { sigstore } = await servers()
  return runPeer('cosign3', args, { cwd: sigstore.directory })
}

function whom({ san, issuer, trustedRoot }: LocalSigstore): string[] {
  const identity = ['--certificate-identity', san, '--certificate-oidc-issuer', issuer.url]
  return [...identity, '--trusted-root', trustedRoot]
}

function rule({ san, issuer }: LocalSigstore): IdentityRule {
  return identityRule({ issuer: issuer.url, san, pattern: null }, 'identity')
}

async function fileSigner(
  sigstore: LocalSigstore,
  rekor: Rekor,
  audience = 'sigstore',
  wrong: MintOptions = {},
  logged = true,
): Promise<KeylessSigner> {
  const ports = testPorts()
  const named = readSigningConfig(readFileSync(sigstore.signingConfigs[rekor]), new Date())
  const { authority, timestamp } = named
  const log = logged ? named.log : null
  const stamper = timestamp === null ? null : openTimeStamper(timestamp, [], ports)
  const root = parseTrustedRoot(readFileSync(sigstore.trustedRoot))
  const token = (): Promise<string> => sigstore.issuer.mint(sigstore.issuer.claims, audience, wrong)
  return openKeyless({ authority, log, stamper, root, token }, ports)
}

async function gate(reference: string, sigstore: LocalSigstore, changes: object = {}): Promise<Verdict> {
  const policy = {
    version: 1,
    identities: [{ name: 'release', issuer: sigstore.issuer.url, san: sigstore.san }],
    'trusted-root': 'root.json',
    statements: ['sign'],
    'accept-signature-only': true,
    'accept-not-rebuilt': true,
    'accept-unproven-time': true,
    ...changes,
  }
  const read = (): Promise<string> => Promise.resolve(readFileSync(sigstore.trustedRoot, 'utf8'))
  return verifyImage(reference, await parsePolicy(JSON.stringify(policy), '/p/policy.yml', read), {}, testPorts())
}

for (const rekor of rekors) {
  withPeers(needs, `${rekor}: we sign an image by identity, cosign 3 and the gate verify it`, async () => {
    const { sigstore } = await servers()
    const ports = jobPorts(sigstore)
    const reference = await image(`ours-${rekor}`)
    writeFileSync(join(ports.roots.cwd, 'sbom.json'), JSON.stringify({ spdxVersion: 'SPDX-2.3', name: 'app' }))
    const sign = () =>
      runSign(
        {
          image: reference,
          output: '',
          signer: 'keyless',
          sbom: 'sbom.json',
          'signing-config': sigstore.signingConfigs[rekor],
          'trusted-root': sigstore.trustedRoot,
        },
        ports,
        join(ports.roots.temp, 'state'),
      )
    const { outputs, report } = await sign()
    expect(outputs).toMatchObject({ 'signer-identity': sigstore.san, 'signer-issuer': sigstore.issuer.url })
    expect(report.headline).toBe('Signed: 2 of 2 attached now')
    // One certificate for both statements.
    const certificates = readFileSync(outputs['bundles-path'] ?? '', 'utf8')
      .trim()
      .split('\n')
      .map((line) =>
        JSON.stringify(
          (JSON.parse(line) as { verificationMaterial: { certificate: object } }).verificationMaterial.certificate,
        ),
      )
    expect([certificates.length, new Set(certificates).size]).toEqual([2, 1])
    expect((await sign()).report.headline).toBe('Nothing to sign: everything is attached already')

    // The commands of the summary, as they are printed.
    const [group] = report.commands ?? []
    expect(group?.lines).toHaveLength(2)
    for (const line of group?.lines ?? []) {
      const [, ...args] = line.split(' ')
      expect(await cosign(...args)).toMatchObject({ code: 0 })
      const other = args.map((arg) => (arg === sigstore.san ? `${sigstore.san}x` : arg))
      expect((await cosign(...other)).output).toContain('no matching CertificateIdentity found')
    }
    const verdict = await gate(reference, sigstore)
    expect([verdict.reasons, verdict.keys]).toEqual([[], ['release']])
  })

  withPeers(needs, `${rekor}: we sign a file by identity, cosign 3 verifies it`, async () => {
    const { sigstore } = await servers()
    const bytes = Buffer.from('a file\n')
    const { bundle } = await (
      await fileSigner(sigstore, rekor)
    ).sign({ kind: 'message', bytes }, artifactOf(bytes, 'a'))
    const [file, path] = [join(sigstore.directory, 'file'), join(sigstore.directory, 'file.sigstore.json')]
    writeFileSync(file, bytes)
    writeFileSync(path, bundle)
    const verify = (...more: string[]) => cosign('verify-blob', '--bundle', path, ...whom(sigstore), ...more, file)
    expect(await verify()).toMatchObject({ code: 0 })
    writeFileSync(file, 'another file\n')
    expect((await verify()).code).not.toBe(0)
  })

  withPeers(needs, `${rekor}: cosign 3 signs an image and a file, we verify both`, async () => {
    const { sigstore } = await servers()
    const reference = await image(`theirs-${rekor}`)
    const file = join(sigstore.directory, `theirs-${rekor}`)
    writeFileSync(file, 'their file\n')
    const by = async (): Promise<string[]> => [
      ...['--yes', '--identity-token', await sigstore.issuer.mint(sigstore.issuer.claims, 'sigstore')],
      ...['--signing-config', sigstore.signingConfigs[rekor], '--trusted-root', sigstore.trustedRoot],
    ]
    expect(await cosign('sign', ...(await by()), reference)).toMatchObject({ code: 0 })
    expect(await cosign('sign-blob', ...(await by()), '--bundle', `${file}.json`, file)).toMatchObject({ code: 0 })
    const verdict = await gate(reference, sigstore)
    expect([verdict.reasons, verdict.keys]).toEqual([[], ['release']])
    const verified = verifyBundle(readBundle(readFileSync(`${file}.json`)), artifactOf(readFileSync(file), file), {
      signer: { kind: 'identity', rules: [rule(sigstore)] },
      root: parseTrustedRoot(readFileSync(sigstore.trustedRoot)),
      now: new Date(),
    })
    expect([verified.entries.length, verified.times.length]).toEqual([1, 1])
  })
}

withPeers(
  [...needs, 'cosign2'],
  'cosign 2.5 reads no entry of Rekor v2; it verifies what is stamped and in no log, where it is told so',
  async () => {
    const { sigstore } = await servers()
    const bytes = Buffer.from('a file\n')
    const file = join(sigstore.directory, 'older')
    writeFileSync(file, bytes)
    const verify = async (logged: boolean): Promise<PeerResult> => {
      const signer = await fileSigner(sigstore, 'rekor-server', 'sigstore', {}, logged)
      writeFileSync(`${file}.json`, (await signer.sign({ kind: 'message', bytes }, artifactOf(bytes, 'a'))).bundle)
      const flags = ['--new-bundle-format', '--insecure-ignore-tlog', '--use-signed-timestamps']
      const args = ['verify-blob', ...flags, '--bundle', `${file}.json`, ...whom(sigstore), file]
      return runPeer('cosign2', args, { cwd: sigstore.directory })
    }
    expect(await verify(false)).toMatchObject({ code: 0 })
    expect((await verify(true)).output).toContain('nil value in transaction log entry')
  },
)

withPeers(
  needs,
  'policy init pins the identity of an image that it signed, and the gate admits that image',
  async () => {
    const { sigstore } = await servers()
    const ports = jobPorts(sigstore)
    const reference = await image('init')
    const given = { 'signing-config': sigstore.signingConfigs['rekor-server'], 'trusted-root': sigstore.trustedRoot }
    const state = join(ports.roots.temp, 'state')
    await runSign({ image: reference, output: '', signer: 'keyless', statements: 'sign', ...given }, ports, state)
    const init = async (identity: string): Promise<string> => {
      const all: Record<string, string> = {
        image: reference,
        identity,
        issuer: sigstore.issuer.url,
        'trusted-root': sigstore.trustedRoot,
      }
      const inputs = rawInputs({
        given: (name) => all[name],
        defaults: {},
        ports,
        confine: null,
        label: (name) => name,
      })
      return (await policyInit(inputs, { ports, state: openState(state, ports) })).text ?? ''
    }
    const text = await init(sigstore.san)
    expect(text).toContain('repository-id: "4711"')
    expect(text).not.toContain('accept-unlogged')
    const policy = await parsePolicy(text, '/p/policy.yml', () =>
      Promise.resolve(readFileSync(sigstore.trustedRoot, 'utf8')),
    )
    expect((await verifyImage(reference, policy, {}, ports)).reasons).toEqual([])
    await expect(init(`${sigstore.san}x`)).rejects.toMatchObject({ code: 'identity-mismatch' })
  },
)

withPeers(needs, 'a token for another audience, of another issuer or by another key gets no certificate', async () => {
  const { sigstore } = await servers()
  const refused = { code: 'sigstore-error' }
  await expect(fileSigner(sigstore, 'rekor-server', 'another')).rejects.toMatchObject(refused)
  for (const wrong of [{ issuer: 'http://127.0.0.1:9' }, { foreignKey: true }])
    await expect(fileSigner(sigstore, 'rekor-server', 'sigstore', wrong)).rejects.toMatchObject(refused)
})

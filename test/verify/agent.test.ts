import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import type { AgentClient } from '../../src/agent/protocol.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { door } from '../../src/actions/verify-deploy/main.ts'
import { collect, sha256 } from '../../src/base/streams.ts'
import type { Ports } from '../../src/base/ports.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { loadImage } from '../../src/image/load.ts'
import { evidenceMediaTypes } from '../../src/journal/evidence-bundle.ts'
import { evidenceLayers } from '../../src/journal/evidence-manifest.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { describeImage } from '../../src/sbom/scan.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { predicateTypes, type StatementKind } from '../../src/statement/types.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { startAgentProcess } from '../../testkit/agent.ts'
import { startIssuer, type Issuer } from '../../testkit/oidc.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { event, putSmallImage, smallClaims, smallFiles, smallRecord } from '../../testkit/small-image.ts'

/** The chain with two real agent processes, as two jobs would run it. */
let issuer: Issuer
let builder: Awaited<ReturnType<typeof startAgentProcess>>
let gate: Awaited<ReturnType<typeof startAgentProcess>>
let store: Store
let subject: Descriptor
const layout = join(scratch('verify-agent'), 'layout')
const reference = `oci:${layout}:latest`

beforeAll(async () => {
  issuer = await startIssuer()
  issuer.claims = { ...smallClaims, run_attempt: '1', check_run_id: '100' }
  builder = await startAgentProcess({ ...issuer.env(), GITHUB_RUN_ID: '1' })
  issuer.claims = { ...issuer.claims, check_run_id: '200' }
  gate = await startAgentProcess({ ...issuer.env(), GITHUB_RUN_ID: '2' })
  store = openStore(parseReference(`oci:${layout}`, '/'), testPorts())
  subject = await putSmallImage(store, smallFiles)
  await publish(builder.client)
})

afterAll(async () => {
  await builder.client.stop()
  await gate.client.stop()
  await issuer.close()
})

/** What build, sbom and sign-attest ask of the agent. */
async function publish(agent: AgentClient): Promise<void> {
  const image = await loadImage(store, subject.digest)
  const described = await describeImage(store, image)
  const record = jcs(smallRecord(subject.digest, image.configDigest))
  const config = await collect(await store.openBlob(image.manifest.config), 1 << 20, 'config')
  await agent.append(
    event(
      'build',
      [['context', sha256('context')]],
      [
        ['image', subject.digest],
        ['config', image.configDigest],
        ['build-record', sha256(record)],
      ],
      { reproducible: true, rebuilds: 1, independence: 'same-job' },
    ),
  )
  await agent.append(
    event(
      'sbom',
      [
        ['image', subject.digest],
        ['config', image.configDigest],
      ],
      [
        ['sbom-spdx', sha256(described.spdx)],
        ['inventory', described.inventoryDigest],
      ],
      { packages: described.packages, engine: 'sealwright' },
    ),
  )
  const { hint } = loadPublicKey((await agent.status()).publicKeyPem)
  const state = async (kind: StatementKind, documents: Record<string, Buffer>): Promise<void> => {
    const encoded = Object.fromEntries(
      Object.entries(documents).map(([name, bytes]) => [name, bytes.toString('base64')]),
    )
    const { envelope } = await agent.statement({ kind: kind as 'sign', subject: subject.digest, documents: encoded })
    await attachBundle(store, subject, makeBundle(envelope, hint), predicateTypes[kind])
  }
  await state('sign', {})
  await state('provenance', { 'build-record': record })
  await state('rebuild', { 'build-record': record })
  await state('spdx', { spdx: described.spdx })
  await state('inventory', { inventory: described.inventory, config })
  const put = await putArtifact(store, {
    artifactType: evidenceMediaTypes.index,
    subject,
    layers: evidenceLayers(await agent.seal()),
  })
  const evidence = { digest: put.digest, size: put.size, subject: { mediaType: subject.mediaType, size: subject.size } }
  const { envelope } = await agent.statement({ kind: 'evidence', subject: subject.digest, documents: {}, evidence })
  await attachBundle(store, subject, makeBundle(envelope, hint), predicateTypes.evidence)
}

async function verify(
  agent: { ports: Ports; directory: string },
  given: Record<string, string> = {},
  changes: Record<string, unknown> = {},
): Promise<ActionResult & { verdict: Verdict }> {
  const folder = scratch('verify-policy')
  const policy = join(folder, 'policy.yml')
  const base = { subject, plain: subject.digest, drafts: [], payloads: [], claims: smallClaims }
  const trusted = { url: issuer.url, jwks: issuer.jwks as never, mint: () => Promise.reject(new Error('not used')) }
  await writeFile(policy, policyText(base, trusted, { 'accept-claimed-steps': true, ...changes }))
  const inputs = rawInputs({
    given: (name) => ({ image: reference, policy, ...given })[name],
    defaults: { launch: 'none', enforce: 'true', signer: 'none' },
    ports: agent.ports,
    confine: null,
    label: (name) => name,
  })
  const result = await door.run(inputs, { ports: agent.ports, state: openState(agent.directory, agent.ports) })
  return { ...result, verdict: JSON.parse(await readFile(result.outputs['verdict-path'] ?? '', 'utf8')) as Verdict }
}

test('what one agent made, another admits, with a summary that is made once', async () => {
  const first = await verify(gate, { signer: 'agent' })
  expect(first.verdict.checks.filter(({ status }) => status === 'failed')).toEqual([])
  expect(first.outputs['verified']).toBe('true')
  expect(first.outputs['vsa-digest']).toMatch(/^sha256:/)
  const again = await verify(gate, { signer: 'agent' })
  expect(again.outputs['vsa-digest']).toBe(first.outputs['vsa-digest'])
  expect(again.verdict).toEqual(first.verdict)
})

test('the report says the verdict first and names every exception', async () => {
  const { report } = await verify(gate)
  expect(report.headline).toBe('Accepted with 3 exception(s)')
  expect(report.exceptions.join('\n')).toMatch(/accept-sample: no TEE[^]*accept-unproven-time/)
  expect(report.commands[0]?.lines[0]).toContain('sealwright verify-deploy --image')
})

test('the job that built the image signs no summary of it', async () => {
  await expect(verify(builder, { signer: 'agent' })).rejects.toMatchObject({ code: 'self-verified' })
})

test.each([
  ['of the same job, with a token', { run_attempt: '1', check_run_id: '100' }, {}],
  ['of the same run, where no token says which job', { run_attempt: '1' }, {}],
  ['of the same job, without its token', {}, { ACTIONS_ID_TOKEN_REQUEST_URL: '', ACTIONS_ID_TOKEN_REQUEST_TOKEN: '' }],
])('a second agent %s signs no summary', async (_name, claims, env) => {
  const before = issuer.claims
  issuer.claims = { ...smallClaims, ...claims }
  const second = await startAgentProcess({ ...issuer.env(), ...env })
  issuer.claims = before
  try {
    await expect(verify(second, { signer: 'agent' })).rejects.toMatchObject({ code: 'self-verified' })
  } finally {
    await second.client.stop()
  }
})

test.each([
  ['another run', { run_id: '43', run_attempt: '1' }],
  ['another attempt', { run_attempt: '2', check_run_id: '100' }],
])('an agent of %s may sign one', async (_name, claims) => {
  const before = issuer.claims
  issuer.claims = { ...smallClaims, ...claims }
  const other = await startAgentProcess({ ...issuer.env() })
  issuer.claims = before
  try {
    expect((await verify(other, { signer: 'agent' })).outputs['vsa-digest']).toMatch(/^sha256:/)
  } finally {
    await other.client.stop()
  }
})

test('a policy of another digest is none', async () => {
  const { verdict } = await verify(gate)
  expect((await verify(gate, { 'policy-digest': verdict.policy.digest })).outputs['verified']).toBe('true')
  await expect(verify(gate, { 'policy-digest': `sha256:${'0'.repeat(64)}` })).rejects.toMatchObject({
    code: 'policy-invalid',
  })
})

test('another commit or digest than the expected one is rolled-back', async () => {
  const other = `sha256:${'0'.repeat(64)}`
  const right = { 'expect-commit': smallClaims.sha, 'expect-digest': subject.digest }
  expect((await verify(gate, right)).outputs['verified']).toBe('true')
  expect((await verify(gate, { ...right, 'expect-digest': other })).verdict.reasons).toEqual(['rolled-back'])
  expect((await verify(gate, { ...right, 'expect-commit': 'd'.repeat(40) })).verdict.reasons).toEqual(['rolled-back'])
})

test('a refused image is an output with exit 1, never launched, never summarised', async () => {
  const target = join(scratch('verify'), 'out')
  const { outputs, refused, verdict, report } = await verify(
    gate,
    { signer: 'agent', launch: 'unpack', output: target },
    { 'accept-sample': undefined, technology: 'snp' },
  )
  expect({ outputs, refused }).toMatchObject({ outputs: { verified: 'false', 'vsa-digest': '' }, refused: true })
  expect(verdict.reasons[0]).toBe('technology-refused')
  expect(report.headline).toMatch(/^Refused \(technology-refused\)/)
  await expect(readFile(join(target, 'app/index.js'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('enforce: warn goes on after a refusal', async () => {
  const { refused, report } = await verify(
    gate,
    { enforce: 'warn' },
    { 'max-age': '1s', 'accept-unproven-time': undefined },
  )
  expect(refused).toBe(false)
  expect(report.status).toBe('warning')
})

test('launch: unpack writes what was verified', async () => {
  const target = join(scratch('verify'), 'out')
  await verify(gate, { launch: 'unpack', output: target })
  expect(await readFile(join(target, 'app/index.js'), 'utf8')).toBe(smallFiles['app/index.js'])
  await mkdir(target, { recursive: true })
  await expect(verify(gate, { launch: 'unpack', output: target })).rejects.toMatchObject({ code: 'exists' })
})

test('a container program runs images of a registry only, and only where it is installed', async () => {
  const missing = { ...gate.ports, exec: { ...gate.ports.exec, find: () => Promise.resolve(null) } }
  await expect(verify({ ...gate, ports: missing }, { launch: 'podman' })).rejects.toMatchObject({
    code: 'tool-missing',
  })
  const there = { ...gate.ports, exec: { ...gate.ports.exec, find: () => Promise.resolve('/usr/bin/podman') } }
  await expect(verify({ ...gate, ports: there }, { launch: 'podman' })).rejects.toMatchObject({ code: 'unsupported' })
})

test('a nonce of this verifier that the evidence is not over is a replay', async () => {
  expect((await verify(gate, { nonce: 'mine' })).verdict.reasons[0]).toBe('replayed')
})

test('without a policy the error names policy init', async () => {
  await expect(verify(gate, { policy: '' })).rejects.toMatchObject({
    code: 'no-policy',
    remedy: expect.stringContaining('policy init'),
  })
})

test.each([
  ['a signer without key', { signer: 'key' }, 'input-missing'],
  ['a digest that is none', { 'expect-digest': 'latest' }, 'input-invalid'],
  ['a short commit', { 'expect-commit': 'abc' }, 'input-invalid'],
  ['an unknown launch', { launch: 'kubernetes' }, 'input-invalid'],
  ['collateral that is not there', { collateral: '/nowhere' }, 'file-missing'],
] as const)('%s is refused', async (_name, given, code) => {
  await expect(verify(gate, given)).rejects.toMatchObject({ code })
})

test('an agent judges at no other time than now: a summary over an older time would be its word', async () => {
  await expect(verify(gate, { at: '2020-01-01T00:00:00Z' })).rejects.toMatchObject({ code: 'unsupported' })
  await expect(verify(gate, { at: '2020-01-01T00:00:00Z', signer: 'agent' })).rejects.toMatchObject({
    code: 'input-invalid',
  })
  await expect(verify(gate, { at: '2020-01-01T00:00:00Z', launch: 'unpack' })).rejects.toMatchObject({
    code: 'input-invalid',
  })
})

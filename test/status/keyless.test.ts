import { join } from 'node:path'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { carryStatuses } from '../../src/tasks/status/carry.ts'
import { setStatus, type NewStatus, type SetStatus } from '../../src/tasks/status/set.ts'
import { parsePolicy, type Policy } from '../../src/verify/policy/load.ts'
import { effectiveStatus } from '../../src/verify/status/effective.ts'
import { readNotices } from '../../src/verify/status/read.ts'
import { trustOf } from '../../src/verify/policy/status.ts'
import { startIssuer, type Issuer } from '../../testkit/oidc.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { bundleBytes, payloadOf, signKeyless } from '../../testkit/sigstore/bundle.ts'
import { makeLeaf, makeSigstore, trustedRootOf, uriName, workflowSan } from '../../testkit/sigstore/instance.ts'
import { services, sigstoreServices } from '../../testkit/sigstore/services.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { startTimestampServer, type TestServer } from '../../testkit/timestamp/server.ts'

/** A publisher whose workflow signs the status of images keyless, by a workflow of its own. */
const sigstore = makeSigstore()
const statusSan = workflowSan.replace('release.yml', 'status.yml')
let tsa: TestServer
let issuer: Issuer
beforeAll(async () => {
  tsa = await startTimestampServer(sigstore.tsa)
  issuer = await startIssuer()
})
afterAll(async () => {
  await tsa.close()
  await issuer.close()
})

const plain = testPorts()
const open = (text: string): Store => openStore(parseReference(text, '/'), plain)

async function say(image: string, status: NewStatus, san = statusSan): Promise<SetStatus[]> {
  const faults = { leaf: { san: [uriName(san)] } }
  const request = sigstoreServices(sigstore, faults, [], (url, options) => plain.http.request(url, options))
  const ports = { ...plain, http: { ...plain.http, request }, env: { ...plain.env, ...issuer.env() } }
  const service = (url: string, majorApiVersion: number): object[] => [
    { url, majorApiVersion, validFor: { start: '2026-01-01T00:00:00Z' }, operator: 'test' },
  ]
  const config = {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: service(services.fulcio, 1),
    rekorTlogUrls: service(services.rekor, 2),
    tsaUrls: service(tsa.url, 1),
  }
  const keyless = {
    services: Buffer.from(JSON.stringify(config)),
    trustedRoot: Buffer.from(trustedRootOf(sigstore)),
    audience: 'sigstore',
    token: null,
  }
  return setStatus(
    { image, status, serial: null, validSeconds: null, renew: false, only: false, signing: { keyless } },
    ports,
  )
}

async function image(): Promise<{ name: string; subject: Descriptor }> {
  const name = `oci:${join(scratch('keyless-status'), 'layout')}`
  return { name, subject: await putSmallImage(open(name), smallFiles) }
}

const policyOf = (): Promise<Policy> =>
  parsePolicy(
    JSON.stringify({
      version: 1,
      'accept-sample': true,
      'accept-self-asserted-job': true,
      'trusted-root': 'root.json',
      status: { identities: [{ name: 'status', issuer: issuer.url, san: statusSan }] },
    }),
    '/policy.yml',
    () => Promise.resolve(trustedRootOf(sigstore)),
  )

test('a keyless status is signed once, counts for its identity, and is carried to a copy', async () => {
  const { name, subject } = await image()
  const copy = `oci:${join(scratch('keyless-copy'), 'layout')}`
  await copyGraph(open(name), open(copy), subject.digest, { tag: 'latest' })
  const revoked: NewStatus = { status: 'revoked', reason: 'why' }
  expect(await say(name, revoked)).toMatchObject([{ serial: 1, state: 'added' }])
  expect(await say(name, revoked)).toMatchObject([{ serial: 1, state: 'present' }])
  const policy = await policyOf()
  const { statuses } = await carryStatuses({ from: name, to: copy, policy }, plain)
  expect(statuses.map(({ outcome }) => outcome)).toEqual(['carried'])
  const { counted } = await readNotices(
    'status',
    open(copy),
    subject.digest,
    trustOf(policy.status!, policy),
    new Date(),
  )
  expect(effectiveStatus(counted, new Date()).state).toBe('revoked')
})

test('the identity that signed the image signs no status of it', async () => {
  const { name, subject } = await image()
  const payload = payloadOf([{ digest: { sha256: subject.digest.slice(7) } }], predicateTypes.sign)
  const leaf = makeLeaf(sigstore, { san: [uriName(workflowSan)], issuer: issuer.url })
  await attachBundle(open(name), subject, bundleBytes(signKeyless(sigstore, leaf, { payload })), predicateTypes.sign)
  await expect(say(name, { status: 'active' }, workflowSan)).rejects.toMatchObject({
    code: 'input-invalid',
    subject: 'signer',
  })
  expect(await say(name, { status: 'active' })).toMatchObject([{ serial: 1, state: 'added' }])
})

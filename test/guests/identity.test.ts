import { sign } from 'node:crypto'
import type { IdentityRule } from '../../src/bundle/identity.ts'
import type { Question } from '../../src/guests/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import {
  attachLegacy,
  bundleBytes,
  hashedrekord1,
  payloadOf,
  rekorEntry,
  signKeyless,
} from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  verifiedAt,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'
import { newSigner } from '../sign/fixtures.ts'
import { factsOf, judged, keyOf, layout, nobody, pullName, putShape } from './support.ts'

const sigstore = makeSigstore()
const leaf = makeLeaf(sigstore)
const ports = testPorts()
const store = layout(ports)

function asking(san: string, of = sigstore): Question {
  const rule: IdentityRule = { name: san, issuer: actionsIssuer, san: { exact: san }, claims: {} }
  return {
    ...nobody,
    identity: { rules: [rule], root: parseTrustedRoot(Buffer.from(trustedRootOf(of))) },
    now: verifiedAt,
  }
}
const ours = asking(workflowSan)
const others = asking('https://github.com/acme/app/.github/workflows/other.yml@refs/heads/main')
const elsewhere = asking(workflowSan, makeSigstore())

test('bundles of an identity: whose name and whose authority count', async () => {
  const image = await putShape(store, 'bundle')
  const payload = payloadOf([{ digest: { sha256: image.digest.slice(7) } }], predicateTypes.sign)
  await attachBundle(store, image, bundleBytes(signKeyless(sigstore, leaf, { payload })), predicateTypes.sign)
  const facts = await factsOf(ports, 'bundle')
  for (const name of ['cosign@3.1', 'kyverno@1.19', 'kyverno-ivp@1.19']) {
    expect([name, judged(name, facts, ours)]).toEqual([name, 'reads'])
    expect([name, judged(name, facts, others)]).toEqual([name, 'fails signer'])
    expect([name, judged(name, facts, elsewhere)]).toEqual([name, 'fails signer'])
  }
  expect(judged('cosign@2.5', facts, ours)).toBe('fails signature-form')
  expect(judged('coco@0.21', facts, ours)).toBe('fails signer')
  expect(judged('cosign@3.1', facts, keyOf(await newSigner()))).toBe('fails signer')
})

test('tags of an identity: certificate and log entry in annotations', async () => {
  const image = await putShape(store, 'tag')
  const payload = simpleSigningPayload({ dockerReference: pullName, digest: image.digest })
  const signature = sign('sha256', payload, leaf.key.privateKey)
  const entry = rekorEntry(
    sigstore.rekor,
    hashedrekord1({ bytes: payload, signature, verifier: { certificate: leaf.der } }),
  )
  await attachLegacy(store, image, 'sig', payload, signature, leaf, entry)
  const facts = await factsOf(ports, 'tag')
  for (const name of [
    'cosign@2.5',
    'cosign@3.1',
    'kyverno@1.19',
    'policy-controller@0.13',
    'connaisseur@3.10',
    'podman@5',
  ]) {
    expect([name, judged(name, facts, ours)]).toEqual([name, 'reads'])
    expect([name, judged(name, facts, others)]).toEqual([name, 'fails signer'])
    expect([name, judged(name, facts, elsewhere)]).toEqual([name, 'fails signer'])
  }
})

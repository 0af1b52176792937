import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { attachCosignSignature } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { claimTypes } from '../../src/statement/claims/types.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { makeKey, type ChainKey } from '../../testkit/chain.ts'
import { checkOf } from '../../testkit/judged.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'

/** An image without evidence that no party of the policy signed: the verdict tells "nothing there" from "of somebody else" and "about something else". */
const ports = testPorts()
const pinned = makeKey()
const stranger = makeKey()
const policy = {
  version: 1,
  'release-keys': [pinned.signer.publicKeyPem],
  statements: ['sign'],
  'accept-signature-only': true,
  'accept-not-rebuilt': true,
  'accept-unproven-time': true,
  'accept-unbound-source': true,
}

let layout: string
let store: Store
let subject: Descriptor
beforeEach(async () => {
  layout = `oci:${join(scratch('other'), 'layout')}`
  store = openStore(parseReference(layout, '/'), ports)
  subject = await putSmallImage(store, smallFiles)
})

async function verdict(): Promise<Verdict> {
  return verifyImage(`${layout}@${subject.digest}`, await parsePolicy(JSON.stringify(policy), '/p.yml'), {}, ports)
}

async function sign({ signer }: ChainKey, digest = subject.digest): Promise<void> {
  const payload = simpleSigningPayload({ dockerReference: 'localhost/a', digest })
  await attachCosignSignature(store, subject, [{ payload, signature: await signer.sign(payload) }])
}

test('nothing is attached', async () => {
  const found = await verdict()
  expect(checkOf(found, 'signature.evidence')).toMatchObject({ status: 'failed', reason: 'missing-evidence' })
  expect(found.notes).toEqual([])
})

test('the legacy signature of another key is one, by nobody that counts', async () => {
  await sign(stranger)
  const found = await verdict()
  expect(checkOf(found, 'signature.evidence')).toMatchObject({ status: 'failed', reason: 'signature-only' })
  expect(found.notes).toEqual([expect.stringContaining('ignored, 1 × is signed by no key that counts')])
})

test('a legacy signature of the pinned key over another image speaks of that one', async () => {
  await sign(pinned, `sha256:${'0'.repeat(64)}`)
  const found = await verdict()
  expect(checkOf(found, 'signature.evidence')).toMatchObject({ status: 'failed', reason: 'missing-statement' })
  expect(found.notes).toEqual([expect.stringContaining('ignored, 1 × speaks of another image')])
})

test('a failed test by the pinned key is a statement, but no signature of the image', async () => {
  const payload = looseStatement('test-result', { digest: subject.digest }, { result: 'FAILED', configuration: [] })
  const bundle = makeBundle(await signEnvelope(payload, pinned.signer), pinned.signer.hint)
  await attachBundle(store, subject, bundle, claimTypes['test-result'])
  const found = await verdict()
  expect(found.verified).toBe(false)
  expect(checkOf(found, 'signature.evidence')).toMatchObject({ status: 'failed', reason: 'missing-statement' })
  expect(found.notes).toEqual([expect.stringContaining('is a statement that the policy does not ask for')])
})

test('beside the signature that counts none of this is told or refuses', async () => {
  await sign(stranger)
  await sign(pinned)
  const found = await verdict()
  expect(found).toMatchObject({ verified: true, notes: [] })
})

import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { admitted, makePublisher, publisherSigns, receiverPolicy } from '../../testkit/foreign-image.ts'
import { issuer, make, ports, type Made } from '../../testkit/judged.ts'

const publisher = makePublisher()
const github = 'https://github.com/actions/runner/github-hosted'
const { jwks } = issuer

async function foreign(builder?: string): Promise<Made> {
  const made = await make({ encrypted: true, base: (base) => admitted(base) })
  await publisherSigns(made.store, made.base.plain, publisher, builder === undefined ? {} : { builder })
  return made
}

test('a new policy for an image of others pins its publisher and the policy that admitted it', async () => {
  const { reference, base } = await foreign()
  const { text } = await initPolicy(reference, { publicKeys: [publisher.signer.publicKeyPem], jwks }, ports)
  const policy = await parsePolicy(text, '/policy.yml')
  expect((await verifyImage(reference, policy, {}, ports)).reasons).toEqual([])
  expect(policy.publisher).toMatchObject({ verifyPolicies: [receiverPolicy], threshold: 1, builders: null })
  expect(policy.releaseKeys).toEqual([])
  expect(text).not.toMatch(/^(?:statements|build|accept-signature-only):/m)
  for (const secret of [base.subject.digest, base.plain]) expect(text).not.toContain(secret)
})

test('it pins the builder that the publisher’s provenance names', async () => {
  const { reference } = await foreign(github)
  const { text } = await initPolicy(reference, { publicKeys: [publisher.signer.publicKeyPem], jwks }, ports)
  expect((await parsePolicy(text, '/policy.yml')).publisher?.builders).toEqual([github])
})

test('without a key of the publisher there is no policy, and the remedy says whose is needed', async () => {
  const { reference } = await foreign()
  await expect(initPolicy(reference, { publicKeys: [], jwks }, ports)).rejects.toMatchObject({
    code: 'input-missing',
    subject: 'public-key',
  })
  const stranger = makePublisher().signer.publicKeyPem
  await expect(initPolicy(reference, { publicKeys: [stranger], jwks }, ports)).rejects.toMatchObject({
    code: 'signature-invalid',
    remedy: expect.stringContaining('signed the plain image') as string,
  })
})

test('an image that its job built gives no section publisher', async () => {
  const { reference } = await make()
  const { text } = await initPolicy(reference, { publicKeys: [], jwks }, ports)
  expect(text).not.toContain('publisher:')
})

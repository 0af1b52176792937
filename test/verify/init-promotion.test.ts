import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { promotionPredicate } from '../../src/statement/promotion.ts'
import { makeStatement, predicateTypeOf } from '../../src/statement/statement.ts'
import { initPolicy, type InitResult } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { makeIssuer, makeKey, type ChainKey } from '../../testkit/chain.ts'
import { checkOf, issuer, make, ports, type Made } from '../../testkit/judged.ts'
import { forgePromotion, promotedBy } from '../../testkit/promoting-job.ts'

/** `policy init` of an image with a promotion record. */
let made: Made
beforeEach(async () => {
  made = await make()
})
const promote = (change: Partial<Parameters<typeof forgePromotion>[2]> = {}): ReturnType<typeof forgePromotion> =>
  forgePromotion(made.store, made.base.subject, { issuer, at: new Date(), ...change })

async function init(...publicKeys: string[]): Promise<InitResult & { promotion: string }> {
  const result = await initPolicy(made.reference, { publicKeys, jwks: issuer.jwks }, ports)
  const verdict = await verifyImage(made.reference, await parsePolicy(result.text, '/policy.yml'), {}, ports)
  expect(verdict.reasons).toEqual([])
  return { ...result, promotion: checkOf(verdict, 'promotion').why }
}

async function signRecord(by: ChainKey): Promise<void> {
  const { subject } = made.base
  const places = { from: { name: 'registry.example/a', tag: null }, to: { name: 'registry.example/b', tag: null } }
  const facts = { ...places, environment: 'production', class: null, supersedes: [], copied: [], left: [] }
  const builder = { id: 'https://sealwright.dev/builder/v1/sample' }
  const verdict = { verified: true, image: subject, policy: { digest: promotedBy }, builder, keys: [], exceptions: [] }
  const payload = makeStatement('promotion', subject, promotionPredicate(facts, verdict, promotedBy, new Date()))
  const bundle = makeBundle(await signEnvelope(payload, by.signer), by.signer.hint)
  await attachBundle(made.store, subject, bundle, predicateTypeOf('promotion'))
}

test('the job that signed the record is named with environment and target, and the policy verifies the image', async () => {
  const { key } = await promote()
  const { text, promotion } = await init()
  expect(promotion).toMatch(/^promoted by job acme\/ops/)
  expect(text).toContain('promotions:\n  - environment: "production"\n    to: "registry.example/prod/app"\n    jobs:\n')
  expect(text).toContain('repository-id: "200002"')
  for (const passing of [key.id, '"77"', promotedBy]) expect(text).not.toContain(passing)
  // Another job's record does not do.
  const other = await make()
  await forgePromotion(other.store, other.base.subject, { issuer, at: new Date(), claims: { repository_id: '200003' } })
  const policy = await parsePolicy(text, '/policy.yml')
  expect((await verifyImage(other.reference, policy, {}, ports)).reasons).toEqual(['job-refused'])
})

test('a given key that signed the record alone is named for records, and is no release key', async () => {
  const receiver = makeKey()
  await signRecord(receiver)
  const { text, promotion } = await init(receiver.signer.publicKeyPem)
  expect(promotion).toMatch(/^promoted to registry\.example\/b on .* for environment production$/)
  expect(text).toMatch(/^promotions:\n {2}- environment: "production"\n {4}to: "registry.example\/b"\n {4}keys:\n/m)
  expect(text).not.toContain('release-keys')
})

test('a record by nobody who is given is told, and so is one that does not hold; no section is written', async () => {
  await signRecord(makeKey())
  const unknown = await init()
  expect(unknown.text).not.toContain('promotions:')
  expect(unknown.warnings.join('\n')).toMatch(/no section `promotions` is written: no given key/)
  made = await make()
  await promote({ unsealed: (kind) => kind === 'promotion' })
  const unsealed = await init()
  expect(unsealed.text).not.toContain('promotions:')
  expect(unsealed.warnings.join('\n')).toMatch(/no section `promotions` is written: .*before the seal/)
})

test('an image without a record gives no section and no word of it', async () => {
  const { text, warnings } = await init()
  expect(text + warnings.join('\n')).not.toContain('promotion')
})

test('a job without a token is not named', async () => {
  await promote({ selfAsserted: true, issuer: makeIssuer() })
  const { text, warnings } = await init()
  expect(text).not.toContain('promotions:')
  expect(warnings.join('\n')).toMatch(/no job with a token/)
})

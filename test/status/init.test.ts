import { parsePolicy } from '../../src/verify/policy/load.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { makeKey } from '../../testkit/chain.ts'
import { issuer, make, now, ports, type Made } from '../../testkit/judged.ts'
import { attachNotice, daysBefore } from '../../testkit/status.ts'

const publisher = makeKey()
const pem = publisher.signer.publicKeyPem
const options = { publicKeys: [], jwks: issuer.jwks as never }
const active = (age: number): object => ({ status: 'active', serial: 1, issued: daysBefore(now, age) })
const say = (made: Made, predicate: object): Promise<unknown> =>
  attachNotice('status', made.store, made.base.subject, predicate as never, publisher)

test('a first policy pins the given key and asks for a recent status where there is one', async () => {
  const made = await make()
  await say(made, active(1))
  const { text, warnings } = await initPolicy(made.reference, { ...options, statusKeys: [pem] }, ports)
  const { status } = await parsePolicy(text, '/policy.yml')
  expect([status?.maxAgeSeconds, status?.publicKeys.map((key) => key.pem.trim())]).toEqual([604_800, [pem.trim()]])
  expect(warnings.filter((line) => line.startsWith('status'))).toEqual([])
})

test('an old status gives a section without max-age, and a warning', async () => {
  const made = await make()
  await say(made, active(9))
  const { text, warnings } = await initPolicy(made.reference, { ...options, statusKeys: [pem] }, ports)
  expect((await parsePolicy(text, '/policy.yml')).status).toMatchObject({ maxAgeSeconds: null })
  expect(warnings).toContainEqual(expect.stringMatching(/^status: .*nothing shows that no revocation is hidden/))
})

test('without the key the status is named in a comment', async () => {
  const made = await make()
  await say(made, active(1))
  const { text } = await initPolicy(made.reference, options, ports)
  expect(text).toContain(`# a status by "key ${publisher.signer.hint}" is attached: pin its key with --status-key`)
  expect((await parsePolicy(text, '/policy.yml')).status).toBeNull()
})

test('no policy is made of a revoked image', async () => {
  const made = await make()
  await say(made, { ...active(1), status: 'revoked', reason: 'why', from: daysBefore(now, 1) })
  await expect(initPolicy(made.reference, { ...options, statusKeys: [pem] }, ports)).rejects.toMatchObject({
    code: 'revoked',
  })
})

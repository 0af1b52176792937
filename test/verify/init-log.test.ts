import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { issuer, make, ports } from '../../testkit/judged.ts'
import { noteSigner } from '../../testkit/log.ts'
import { jobKey, logAll } from '../../testkit/logged-image.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'

const { jwks } = issuer

test('a given log is pinned with its witnesses, and the policy verifies the image', async () => {
  const made = await make({ key: jobKey })
  const log = await noteSigner()
  const witness = await noteSigner('witness.example', 'cosignature')
  await logAll(made, log, { witnesses: [witness] })
  const given = { key: log.vkey, witnesses: [witness.vkey] }
  const { text } = await initPolicy(made.reference, { publicKeys: [], jwks, log: given }, ports)
  expect(text).toContain(`log:\n  key: "${log.vkey}"\n  witnesses:\n    - "${witness.vkey}"\n`)
  expect(text).not.toContain('accept-unwitnessed-log')
  const policy = await parsePolicy(text, '/policy.yml')
  expect(policy.log?.quorum).toBe(1)
  expect((await verifyImage(made.reference, policy, {}, ports)).reasons).toEqual([])
})

test('witnesses whose time counts prove the time, and no line accepts that it is unproven', async () => {
  const made = await make({ key: jobKey })
  const log = await noteSigner()
  const witness = await noteSigner('witness.example', 'cosignature')
  await logAll(made, log, { witnesses: [witness] })
  const init = async (timed: boolean, timeAuthorities: string[] = []): Promise<string> => {
    const given = { key: log.vkey, witnesses: [witness.vkey], timed }
    return (await initPolicy(made.reference, { publicKeys: [], jwks, log: given, timeAuthorities }, ports)).text
  }
  const text = await init(true)
  expect(text).toContain(`time:\n  witnesses:\n    - "${witness.vkey}"\n`)
  expect(text).not.toContain('accept-unproven-time')
  expect((await verifyImage(made.reference, await parsePolicy(text, '/policy.yml'), {}, ports)).reasons).toEqual([])
  expect(await init(false)).toContain('accept-unproven-time: true  # UNSAFE: ')
  const both = await init(true, [makeAuthority().pem])
  expect(both).toMatch(/^time:\n {2}authorities:\n/m)
  expect((await parsePolicy(both, '/policy.yml')).time).toMatchObject({ authorities: [{}], witnesses: { quorum: 1 } })
})

test('without witnesses the line says that the operator is trusted', async () => {
  const made = await make({ key: jobKey })
  const log = await noteSigner()
  await logAll(made, log)
  const { text } = await initPolicy(
    made.reference,
    { publicKeys: [], jwks, log: { key: log.vkey, witnesses: [] } },
    ports,
  )
  expect(text).toContain('accept-unwitnessed-log: true  # UNSAFE: ')
})

test('a log that does not have the image, or a key that is none, gives no policy; what the image carries is not pinned', async () => {
  const made = await make({ key: jobKey })
  await logAll(made, await noteSigner())
  const init = (key: string) => initPolicy(made.reference, { publicKeys: [], jwks, log: { key, witnesses: [] } }, ports)
  await expect(init((await noteSigner('other.example')).vkey)).rejects.toMatchObject({ code: 'unlogged' })
  await expect(init('key')).rejects.toMatchObject({ code: 'file-invalid' })
  expect((await initPolicy(made.reference, { publicKeys: [], jwks }, ports)).text).not.toContain('log:\n')
})

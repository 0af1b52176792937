import { join } from 'node:path'
import { startKbs, type RunningKbs } from '../../../src/kbs-server/server.ts'
import { sampleGuest } from '../../../src/kbs/keyed-attester.ts'
import { rcarSession } from '../../../src/kbs/rcar.ts'
import { testPorts } from '../../../testkit/ports.ts'
import { makeInitdata } from '../../../src/initdata/make.ts'
import { failed, keyUri, outcomes, planOf, policyUri, setting, type Setting } from './support.ts'

// A guest is played against the embedded KBS over HTTP.

let it: Setting
let kbs: RunningKbs
const ports = testPorts()
beforeEach(async () => {
  it = await setting()
  await it.publish(planOf(it))
  kbs = await startKbs({ directory: join(it.directory, 'kbs'), listen: '127.0.0.1:0', ports })
})
afterEach(() => kbs.close())
const sample = (): string[] => ['--kbs-url', kbs.url, '--technology', 'sample', '--plain', it.plain]

test('policy, keys and layers come from the KBS by attestation', async () => {
  const done = await it.play(...sample())
  expect(outcomes(done)).toEqual([
    'image passed',
    'image-policy passed',
    'public-key passed',
    'signature passed',
    'key passed',
    'layer passed',
    'root-file-system passed',
  ])
  expect(done.code).toBe(0)
})

test('after the plan dropped the key, the guest gets it no more', async () => {
  await kbs.close()
  await it.publish(planOf(it).replace(/resources:\n.*\n/, ''))
  kbs = await startKbs({ directory: join(it.directory, 'kbs'), listen: '127.0.0.1:0', ports })
  const done = await it.play(...sample())
  expect(done.code).toBe(1)
  expect(failed(done)[0]).toMatchObject({
    step: 'key',
    of: keyUri,
    why: expect.stringContaining('PolicyDeny') as string,
  })
})

test('a KBS without the policy that the guest asks for', async () => {
  const done = await it.play(...sample(), '--policy-uri', 'kbs:///default/security-policy/other')
  expect(failed(done)).toMatchObject([{ step: 'image-policy' }])
  expect(outcomes(done)).toContain('signature not-known')
})

test('a rule that names the initdata: a sample sends it as the guest does', async () => {
  const made = (policy: string): { file: string; claim: string } => {
    const toml = `[kbc]\nname = "cc_kbc"\nurl = "${kbs.url}"\n[image]\nimage_security_policy_uri = "${policy}"\n`
    const agent = `[token_configs.kbs]\nurl = "${kbs.url}"\n`
    const { bytes, digest } = makeInitdata(
      new Map([
        ['aa.toml', agent],
        ['cdh.toml', toml],
      ]),
    )
    return { file: it.file(`${digest}.toml`, bytes), claim: Buffer.from(digest, 'hex').toString('base64') }
  }
  const right = made(policyUri)
  const { url } = kbs
  await kbs.close()
  await it.publish(planOf(it, `[{technology: sample, initdata: ["${right.claim}"]}]`))
  kbs = await startKbs({ directory: join(it.directory, 'kbs'), listen: new URL(url).host, ports })
  expect(failed(await it.play(...sample(), '--initdata', right.file))).toEqual([])
  const other = made(`${policyUri}-other`)
  expect(failed(await it.play(...sample(), '--initdata', other.file))[0]).toMatchObject({ step: 'image-policy' })
  expect(failed(await it.play(...sample()))[0]).toMatchObject({ step: 'image-policy' })
})

test('with the token of a guest: who gets what is known, contents are not', async () => {
  const token = it.file('token', await rcarSession(kbs.url, sampleGuest(), ports).token())
  const done = await it.play('--kbs-url', kbs.url, '--token', token, '--plain', it.plain)
  expect(outcomes(done)).toEqual([
    'image passed',
    'image-policy not-known',
    'signature not-known',
    'key passed',
    'layer not-known',
    'root-file-system not-known',
  ])
  expect(done.code).toBe(0)
  const forged = it.file('forged', 'e30.e30.e30')
  const refused = await it.play('--kbs-url', kbs.url, '--token', forged)
  expect(refused.code).toBe(1)
  expect(failed(refused)[0]?.why).toContain('refused to the holder of the token: 401')
})

test('a KBS that does not answer is no refusal', async () => {
  const { url } = kbs
  await kbs.close()
  expect((await it.play('--kbs-url', url, '--technology', 'sample')).code).toBe(3)
  kbs = await startKbs({ directory: join(it.directory, 'kbs'), listen: '127.0.0.1:0', ports })
})

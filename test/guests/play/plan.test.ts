import { makeInitdata } from '../../../src/initdata/make.ts'
import { signTag } from '../support.ts'
import { newSigner } from '../../sign/fixtures.ts'
import { admit, failed, keyUri, name, outcomes, planOf, setting, type Setting } from './support.ts'

// A guest is played by a plan alone: no KBS runs.

let it: Setting
beforeEach(async () => {
  it = await setting()
})
const sample = ['--technology', 'sample', '--measurement', 'abcde'] as const
const all = [
  'image passed',
  'image-policy passed',
  'public-key passed',
  'signature passed',
  'key passed',
  'layer passed',
  'root-file-system passed',
]

test('what was encrypted, signed and planned is run: each step passes', async () => {
  const plan = it.file('plan.yml', planOf(it))
  const done = await it.play('--plan', plan, ...sample, '--plain', it.plain)
  expect(outcomes(done)).toEqual(all)
  expect(done).toMatchObject({ code: 0, outputs: { read: 'true', readers: [] } })
  expect(done.text).toContain('A guest would run it')
})

test('a guest that is not described: who gets what is said, nothing is refused', async () => {
  const done = await it.play('--plan', it.file('plan.yml', planOf(it)))
  expect(done.code).toBe(0)
  expect(outcomes(done)).toEqual(
    all
      .map((one) => one.replace(/^(image-policy|public-key|key) .*/, '$1 not-known'))
      .map((one, n) => (n === 6 ? 'root-file-system not-known' : one)),
  )
  expect(done.outputs.steps[1]?.why).toContain('the plan admits sample with measurement abcde')
})

test.each([
  ['another technology', ['--technology', 'snp'], 'the guest is not admitted'],
  ['another measurement', ['--technology', 'sample', '--measurement', 'abcdf'], 'the guest is not admitted'],
])('%s gets nothing', async (_, guest, why) => {
  const done = await it.play('--plan', it.file('plan.yml', planOf(it)), ...guest)
  expect(done.code).toBe(1)
  expect(failed(done).map(({ step }) => step)).toEqual(['image-policy', 'key', 'layer', 'root-file-system'])
  expect(failed(done)[0]?.why).toContain(why)
})

test.each<[string, (plan: string) => string, string, string]>([
  [
    'has no rule for the key',
    (plan) => plan.replace(keyUri, 'kbs:///team/image-key/other'),
    'key',
    'has no rule for it',
  ],
  [
    'names another image',
    (plan) => plan.replace(`image: ${name}`, 'image: registry.example.org/team/ap'),
    'signature',
    'the default rejects it',
  ],
  ['has another key', (plan) => plan.replace('/kek"', '/other"'), 'layer', 'does not open this layer'],
  ['has a key of another size', (plan) => plan.replace('/kek"', '/short"'), 'key', 'a key has 32'],
  ['has another signer', (plan) => plan.replace('signer.pub', 'other.pub'), 'signature', 'by this key'],
  [
    'gives the key to a job',
    (plan) =>
      plan.replace(
        `, admit: ${admit}`,
        `, kind: pipeline, admit: ${admit}, job: {repository-id: "1", workflow-ref: w, workflow-sha: [${'a'.repeat(40)}], events: [push], refs: [r]}`,
      ),
    'key',
    'not to guests',
  ],
])('a plan that %s', async (_, change, step, why) => {
  it.file('other', Buffer.alloc(32))
  it.file('short', Buffer.alloc(31))
  it.file('other.pub', (await newSigner()).publicKeyPem)
  const done = await it.play('--plan', it.file('plan.yml', change(planOf(it))), ...sample, '--plain', it.plain)
  expect(done.code).toBe(1)
  expect(failed(done)[0]).toMatchObject({ step, why: expect.stringContaining(why) as string })
})

test('a signature for another name under the same tag, whoever made it', async () => {
  await signTag(it.store, it.encrypted, await newSigner(), { dockerReference: 'registry.example.org/elsewhere' })
  const done = await it.play('--plan', it.file('plan.yml', planOf(it)), ...sample)
  expect(failed(done)).toMatchObject([
    { step: 'signature', why: expect.stringContaining('registry.example.org/elsewhere') as string },
  ])
})

test('an image that is not the one that was built', async () => {
  const other = await setting()
  const { putSmallImage } = await import('../../../testkit/small-image.ts')
  await putSmallImage(other.store, { 'app/other.js': '1' }, 'plain')
  const done = await it.play('--plan', it.file('plan.yml', planOf(it)), ...sample, '--plain', other.plain)
  expect(failed(done)).toMatchObject([{ step: 'root-file-system', why: 'layer 0 is not the one that was built' }])
})

describe('initdata', () => {
  const document = (cdh: string | null): string =>
    it.file(
      'initdata.toml',
      makeInitdata(new Map([['aa.toml', ''], ...(cdh === null ? [] : [['cdh.toml', cdh] as const])])).bytes,
    )
  const inline = `[image]\nimage_security_policy = '{"default": [{"type": "insecureAcceptAnything"}], "transports": {}}'\n`

  test('says where the policy is, and is compared with the rules', async () => {
    const file = document('[image]\nimage_security_policy_uri = "kbs:///default/security-policy/test"\n')
    const plan = (value: string): string =>
      it.file('plan.yml', planOf(it, `[{technology: sample, initdata: ["${value}"]}]`))
    const { keptInitdata } = await import('../../../src/initdata/make.ts')
    const { readFileSync } = await import('node:fs')
    const claim = Buffer.from(keptInitdata(readFileSync(file)).digest, 'hex').toString('base64')
    const args = [...sample, '--initdata', file, '--plain', it.plain]
    expect(outcomes(await it.play('--plan', plan(claim), ...args))).toEqual(all)
    expect(failed(await it.play('--plan', plan('bm8='), ...args))[0]).toMatchObject({ step: 'image-policy' })
  })

  test.each([
    ['no cdh.toml', null, 'image-policy', 'names no image policy'],
    ['a cdh.toml without a policy', '[image]\n', 'image-policy', 'names no image policy'],
    ['a policy that takes anything', inline, 'signature', 'takes any image without a signature'],
    [
      'another policy',
      '[image]\nimage_security_policy_uri = "kbs:///default/security-policy/b"\n',
      'image-policy',
      'has no rule for it',
    ],
  ])('with %s', async (_, cdh, step, why) => {
    const done = await it.play('--plan', it.file('plan.yml', planOf(it)), ...sample, '--initdata', document(cdh))
    expect(failed(done)[0]).toMatchObject({ step, why: expect.stringContaining(why) as string })
  })

  test('that is not TOML is wrong use', async () => {
    const done = await it.play('--plan', it.file('plan.yml', planOf(it)), '--initdata', document('= ='))
    expect(done).toMatchObject({ code: 2, error: { code: 'file-invalid' } })
  })
})

test('a rule for a tag of the image is said: a pod that names it so is judged by that rule', async () => {
  const rule = (type: string): string => `[{"type":"${type}"}]`
  const text = `{"default":${rule('reject')},"transports":{"docker":{"${name}:v1":${rule('insecureAcceptAnything')}}}}`
  const cdh = `[image]\nimage_security_policy = '${text}'\n`
  const given = it.file('tag.toml', makeInitdata(new Map([['cdh.toml', cdh]])).bytes)
  const done = await it.play('--plan', it.file('plan.yml', planOf(it)), ...sample, '--initdata', given)
  const told = done.outputs.steps.filter(({ step }) => step === 'image-policy')
  expect(told.map(({ outcome }) => outcome)).toEqual(['passed', 'not-known'])
  expect(told[1]?.why).toContain(`judged by the rule for ${name}:v1`)
})

test('wrong use: a token with a plan, a guest without a KBS, both ways to ask', async () => {
  const plan = it.file('plan.yml', planOf(it))
  expect((await it.play('--plan', plan, '--token', plan)).error?.code).toBe('input-invalid')
  expect((await it.play('--plan', plan, '--technology', 'auto')).error?.code).toBe('input-invalid')
  expect((await it.play('--technology', 'sample')).error).toMatchObject({ code: 'input-missing', subject: 'kbs-url' })
  const both = ['--kbs-url', 'http://127.0.0.1:1', '--technology', 'sample', '--token', plan]
  expect((await it.play(...both)).error?.code).toBe('input-invalid')
})

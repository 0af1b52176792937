import type { EventDraft } from '../../src/journal/event.ts'
import type { Gate } from '../../src/verify/candidate.ts'
import { imageKeySteps } from '../../src/verify/checks/image-key.ts'
import { encryptionLines } from '../../src/verify/init/encryption-lines.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Outcome } from '../../src/verify/step.ts'

// TRUST §4: where the image key went, and who else can open the image, by the `encrypt` events of its journal.

type Result = EventDraft['result']

const digest = (hex: string): string => `sha256:${hex.repeat(32)}`
const encrypt = (result: Result) => ({
  kind: 'encrypt',
  inputs: [],
  outputs: [{ role: 'image', digest: 'sha256:00' }],
  result,
})

async function run(results: Result | Result[], lines = 'technology: snp\n'): Promise<Outcome> {
  const [step] = imageKeySteps
  if (step === undefined || step.scope === 'machine') throw new Error('there is no such step')
  const journal = [results].flat().map(encrypt)
  const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted' }]
  return step.run({
    policy: await parsePolicy(`version: 1\naccept-self-asserted-job: true\n${lines}`, '/policy.yml'),
    found: { journal, sealed: journal.length, reference: null },
    subject: { descriptor: { digest: 'sha256:00' }, image: { manifest: { layers } } },
  } as unknown as Gate)
}

const wrapped = { recipients: [{ scheme: 'kbs', keyId: 'kbs:///a/b/c' }] }
const jwe = { recipients: [{ scheme: 'jwe', keyId: digest('0a') }] }
const form = (scheme: string): Result => ({ recipients: [{ scheme, keyId: digest('0a') }] })
const both = { recipients: [...jwe.recipients, ...wrapped.recipients] }
const url = 'https://kbs.example/base'
const external = { ...wrapped, kbs: 'external', kbsUrl: url, kbsKey: digest('0b') }
const named = (section: string): string => `technology: snp\nencryption: ${section}\n`
const kbs = (entry: string): string => named(`{kbs: [${entry}]}`)
const recipients = (...keys: string[]): string => named(JSON.stringify({ recipients: keys }))

test.each<[string, Result | Result[], string]>([
  ['an external KBS', external, kbs(`{url: "${url}"}`)],
  [
    'an external KBS, with a slash at the end of the policy’s URL',
    external,
    kbs(`{url: "HTTPS://KBS.example:443/base/"}`),
  ],
  ['an external KBS by its server key', external, kbs(`{url: "${url}", server-key: "${digest('0b')}"}`)],
  ['one of two KBS', external, kbs(`{url: "https://other.example"}, {url: "${url}"}`)],
  [
    'one of two server keys',
    external,
    kbs(['0a', '0b'].map((key) => `{url: "${url}", server-key: "${digest(key)}"}`).join()),
  ],
  ['a public key', jwe, recipients(digest('0c'), digest('0a'))],
  ['a certificate', form('pkcs7'), recipients(digest('0a'))],
  ['a key in a token', form('pkcs11'), recipients(digest('0a'))],
  ['a public key, by null', { ...jwe, kbs: null }, recipients(digest('0a'))],
  ['a public key, as one text', jwe, named(JSON.stringify({ recipients: digest('0a') }))],
  ['both', { ...external, ...both }, named(`{kbs: [{url: "${url}"}], recipients: ["${digest('0a')}"]}`)],
])('%s that the policy names', async (_name, result, lines) => {
  expect(await run(result, lines)).toMatchObject({ status: 'passed', reason: null })
})

test.each<[string, Result | Result[], string]>([
  ['an external KBS, and the policy is silent', external, 'technology: snp\n'],
  ['an external KBS, and the policy is silent but for sample', external, 'accept-sample: true\n'],
  ['an external KBS, and embedded ones are accepted', external, 'technology: snp\naccept-embedded-kbs: true\n'],
  ['another path of the host', external, kbs(`{url: "https://kbs.example"}`)],
  ['another port', external, kbs(`{url: "https://kbs.example:8443/base"}`)],
  ['another server key', external, kbs(`{url: "${url}", server-key: "${digest('0c')}"}`)],
  ['no server key', { ...external, kbsKey: null }, kbs(`{url: "${url}", server-key: "${digest('0b')}"}`)],
  ['no URL', { ...wrapped, kbs: 'external' }, kbs(`{url: "${url}"}`)],
  ['a public key, and the policy is silent', jwe, 'technology: snp\n'],
  ['another certificate', form('pkcs7'), recipients(digest('0c'))],
  ['another key in a token', form('pkcs11'), recipients(digest('0c'))],
  ['another public key', jwe, recipients(digest('0c'))],
  ['a public key beside a KBS that is named', { ...external, ...both }, kbs(`{url: "${url}"}`)],
  ['a KBS beside a public key that is named', { ...external, ...both }, recipients(digest('0a'))],
  [
    'a second event for another KBS',
    [external, { ...external, kbsUrl: 'https://evil.example' }],
    kbs(`{url: "${url}"}`),
  ],
])('%s: the key is exposed, and no line accepts it', async (_name, result, lines) => {
  const found = await run(result, lines)
  expect(found).toMatchObject({ status: 'failed', reason: 'key-exposed' })
  expect(found.acceptance).toBeUndefined()
})

test.each<[string, Result]>([
  ['what answers on loopback', { ...wrapped, kbs: 'loopback', kbsUrl: 'http://127.0.0.1:8080' }],
  ['what answers on loopback, beside a key', { ...jwe, kbs: 'loopback' }],
  ['a form of a later version, whose keys nobody knows', form('pgp')],
  ['an embedded KBS', { ...wrapped, kbs: 'embedded' }],
  ['a KBS that the event does not name', wrapped],
  ['a KBS that the event does not name, beside a key', both],
  ['no recipient', { recipients: [] }],
  ['recipients that are not a list', { recipients: 'kbs' }],
])('the key of %s may be accepted by a line', async (_name, result) => {
  const lines = recipients(digest('0a'))
  expect(await run(result, lines)).toMatchObject({
    status: 'failed',
    reason: 'key-exposed',
    acceptance: 'accept-embedded-kbs',
  })
  expect((await run(result, `${lines}accept-embedded-kbs: true\n`)).status).toBe('accepted')
  expect((await run(result, `${lines.replace('snp', 'sample')}accept-sample: true\n`)).status).toBe('passed')
})

test('the section that policy init writes admits its events and no others', async () => {
  const events = [external, jwe, { ...external, ...both }]
  const lines = encryptionLines(events.map(encrypt) as unknown as Parameters<typeof encryptionLines>[0])
  expect(lines.slice(1)).toEqual([
    '  layers: all',
    '  kbs:',
    `    - url: "${url}"`,
    `      # server-key: ${digest('0b')}`,
    `  recipients: ["${digest('0a')}"]`,
  ])
  const policy = `technology: snp\n${lines.join('\n')}\n`
  expect((await run(events, policy)).status).toBe('passed')
  expect((await run({ ...external, kbsUrl: 'https://evil.example' }, policy)).reason).toBe('key-exposed')
  const embedded = [
    encrypt({
      ...wrapped,
      kbs: 'embedded',
      layers: [
        ['a', 'b'],
        ['c', 'c'],
      ],
    }),
  ]
  expect(encryptionLines(embedded as unknown as Parameters<typeof encryptionLines>[0]).slice(1)).toEqual([
    '  layers: some',
  ])
  expect(encryptionLines([])).toEqual([])
})

test.each([
  '{}',
  '{kbs: []}',
  '{kbs: [{url: "http://127.0.0.1:1"}]}',
  '{recipients: [a]}',
  '{kbs: [{url: "https://a", more: 1}]}',
])('encryption: %s is no section', async (section) => {
  await expect(
    parsePolicy(`version: 1\naccept-self-asserted-job: true\n${named(section)}`, '/policy.yml'),
  ).rejects.toMatchObject({
    code: 'file-invalid',
  })
})

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { JsonObject } from '../../src/base/json.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { seenBy } from '../../src/kbs/denial.ts'
import { trustVector, worstStatus } from '../../src/kbs/ear-vector.ts'
import { keyedAttester, sampleEvidence, sampleGuest } from '../../src/kbs/keyed-attester.ts'
import { isNamedBy } from '../../src/kbs/placeholders.ts'
import { parsePlan, ruleFor } from '../../src/kbs/plan.ts'
import { rcarSession } from '../../src/kbs/rcar.ts'
import { resourcePolicy } from '../../src/kbs/rego/resource-policy.ts'
import { sampleReferenceValues } from '../../src/kbs/rego/sample-policy.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { makeTeeKey, teeKeyKinds } from '../../src/kbs/tee-key.ts'
import { startKbs, type RunningKbs } from '../../src/kbs-server/server.ts'
import { lyingResource, startLyingKbs } from '../../testkit/lying-kbs.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const ports = testPorts()
const path = ['default', 'key', 'one'] as const
const initData = 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n"aa.toml" = "x = 1"\n'
const initDigest = createHash('sha256').update(initData).digest('base64')

describe('on our embedded KBS', () => {
  let kbs: RunningKbs
  const publish = async (initdata: string[]): Promise<void> => {
    const pem = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }).toString()
    const admin = kbsAdmin(kbs.url, adminToken(pem, ports.clock), ports)
    await admin.setResource(path, Buffer.from(lyingResource), null)
    for (const [id, value] of Object.entries(sampleReferenceValues)) await admin.setReferenceValue(id, value)
    const admit = [{ technology: 'sample' as const, measurements: ['abcde'], initdata }]
    await admin.setResourcePolicy(writeRego(resourcePolicy([{ uri: `kbs:///${path.join('/')}`, admit, job: null }])))
  }
  beforeEach(async () => {
    kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports })
  })
  afterEach(async () => kbs.close())

  test.each(teeKeyKinds)('a resource is read by a key of the kind %s', async (kind) => {
    await publish([])
    const session = rcarSession(kbs.url, sampleGuest(makeTeeKey(kind)), ports)
    expect((await session.resource(path)).toString()).toBe(lyingResource)
  })

  test('init-data opens what is for it; other init-data and none are denied, and the denial says what differs', async () => {
    await publish([initDigest])
    const read = async (text?: string): Promise<Buffer> => {
      const rule = {
        admit: [{ technology: 'sample' as const, measurements: ['abcde'], initdata: [initDigest] }],
        job: null,
      }
      return rcarSession(kbs.url, sampleGuest(), ports, { initData: text, rule }).resource(path)
    }
    expect((await read(initData)).toString()).toBe(lyingResource)
    const other = createHash('sha256').update(`${initData}\n`).digest('base64')
    await expect(read(`${initData}\n`)).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining(`init_data: ${other}; the plan admits ${initDigest}`) as string,
    })
    await expect(read()).rejects.toMatchObject({
      code: 'denied',
      message: expect.stringContaining(`init_data: none; the plan admits ${initDigest}`) as string,
    })
  })
})

test('evidence of devices: each over nonce and key, the machine’s over theirs too', async () => {
  const sent: JsonObject[] = []
  const kbs = await startLyingKbs(({ path: at, body }) => {
    if (at.endsWith('/attest')) sent.push(body)
    return false
  })
  const key = makeTeeKey()
  const guest = keyedAttester({
    technology: 'sample',
    key,
    collect: sampleEvidence('1'),
    devices: { sampledevice: sampleEvidence('2') },
  })
  await rcarSession(kbs.url, guest, ports).token()
  await kbs.close()
  const [body] = sent as [{ 'runtime-data': JsonObject; 'tee-evidence': JsonObject }]
  const { nonce = null } = body['runtime-data']
  const { primary_evidence: primary, additional_evidence: additional } = body['tee-evidence']
  const pair = { nonce, 'tee-pubkey': key.teePubkey }
  const hash = (value: JsonObject): string => createHash('sha384').update(jcs(value)).digest('base64')
  expect(JSON.parse(String(additional))).toEqual({ sampledevice: { svn: '2', report_data: hash(pair) } })
  const whole = { 'additional-evidence': String(additional), ...pair }
  expect(primary).toEqual({ svn: '1', report_data: hash(whole) })
})

test('a session whose token has expired is shaken hands for anew, not used', async () => {
  const kbs = await startLyingKbs()
  let late = 0
  const clock = { ...ports.clock, now: () => new Date(Date.now() + late) }
  const session = rcarSession(kbs.url, sampleGuest(), { ...ports, clock })
  await session.resource(path)
  await session.resource(path)
  expect(kbs.asked.filter((one) => one.endsWith('/auth'))).toHaveLength(1)
  late = 290_000
  await session.token()
  late = 301_000
  // The double's new token ends by the real clock as well; 61 s of it are left to two clocks.
  await session.token()
  expect(kbs.asked.filter((one) => one.endsWith('/auth'))).toHaveLength(2)
  await kbs.close()
})

describe('tokens of several devices', () => {
  const claims = (submods: JsonObject): JsonObject => ({ submods })
  const cell = (status: unknown, vector: JsonObject = {}): JsonObject => ({
    'ear.status': status as string,
    'ear.trustworthiness-vector': vector,
  })

  test.each<[string, JsonObject, string]>([
    ['one processor', { cpu0: cell('affirming') }, 'cpu0 affirming'],
    ['a refused device', { cpu0: cell('affirming'), gpu0: cell('contraindicated') }, 'gpu0 contraindicated'],
    ['the second of two', { cpu0: cell('affirming'), gpu0: cell('affirming'), gpu1: cell('warning') }, 'gpu1 warning'],
    [
      'the worst of three',
      { cpu0: cell('warning'), gpu0: cell('none'), gpu1: cell('contraindicated') },
      'gpu1 contraindicated',
    ],
    ['a status that nobody knows', { cpu0: cell('affirming'), gpu0: cell('splendid') }, 'gpu0 splendid'],
    ['a status that is no text', { cpu0: cell('affirming'), gpu0: cell(7) }, 'gpu0 none'],
    ['a device that is no object', { cpu0: cell('affirming'), gpu0: 'affirming' }, 'gpu0 none'],
    ['none at all', {}, 'cpu0 none'],
  ])('%s', (_, submods, worst) => {
    const { name, status } = worstStatus(claims(submods))
    expect(`${name} ${status}`).toBe(worst)
  })

  withPeers(['vectors:coco/kbs-wire/ear-claims-device.json'], 'a live token of a processor and a device', async () => {
    const recorded = JSON.parse(await readFile(vector('coco/kbs-wire/ear-claims-device.json'), 'utf8')) as {
      claims: JsonObject
    }
    expect(worstStatus(recorded.claims)).toMatchObject({ name: 'gpu0', status: 'contraindicated' })
    const members = trustVector(recorded).map(({ member, value }) => `${member} ${value}`)
    expect(members).toEqual(
      expect.arrayContaining(['configuration 2', 'executables 3', 'hardware 2', 'gpu0 hardware 97']),
    )
    expect(seenBy(recorded.claims).join('\n')).toContain('status of gpu0: contraindicated, must be affirming')
  })
})

describe('what a denial says', () => {
  const evidence = (more: JsonObject): JsonObject => ({
    submods: {
      cpu0: { 'ear.status': 'affirming', 'ear.veraison.annotated-evidence': { ...more } },
    },
  })
  const rule = { admit: [{ technology: 'snp' as const, measurements: ['ab'.repeat(48)], initdata: [] }], job: null }

  test.each<[string, JsonObject, RegExp]>([
    [
      'another measurement',
      evidence({ snp: { measurement: 'cd'.repeat(48) } }),
      /snp measurement: (cd){48}; the plan admits (ab){48}/,
    ],
    [
      'the right one',
      evidence({ snp: { measurement: 'ab'.repeat(48) } }),
      /snp measurement: (ab){48}, as the plan admits/,
    ],
    [
      'another technology',
      evidence({ tdx: { quote: { body: { mr_td: 'ab'.repeat(48) } } } }),
      /technology: tdx; the plan admits snp/,
    ],
    ['no measurement', evidence({ snp: {} }), /snp measurement: none; the plan admits/],
    ['a measurement that is no text', evidence({ snp: { measurement: [1] } }), /snp measurement: a list; the plan/],
    ['nothing that is known', evidence({ cca: {} }), /technology: none that our rules name/],
    ['no appraisal', {}, /no appraisal/],
    ['text that moves the cursor', evidence({ snp: { measurement: '\u001b[2J' } }), /\\u001b\[2J/],
  ])('%s', (_, claims, line) => {
    expect(seenBy(claims, rule).join('\n')).toMatch(line)
  })

  test('a job rule: the handshake names no job', () => {
    const job = { repositoryId: '1', workflowRef: 'x', workflowSha: [], events: [], refs: [] }
    const claims = evidence({ snp: { measurement: 'ab'.repeat(48) } })
    expect(seenBy(claims, { ...rule, job }).join('\n')).toContain('job: none, because the token was made by handshake')
    expect(seenBy(claims, rule).join('\n')).not.toContain('job')
  })

  test('the rule of a plan is found by its URI, also where that has a placeholder', async () => {
    const entry = (uri: string): string =>
      `{uri: "${uri}", source: agent, admit: [{technology: snp, measurements: [${'ab'.repeat(48)}]}]}`
    const plan = await parsePlan(
      `version: 1\nresources: [${entry('kbs:///a/key/app-{digest}')}, ${entry('kbs:///a/key/fixed')}]\n`,
      'plan.yml',
    )
    expect(ruleFor(plan, 'kbs:///a/key/fixed')?.uri).toBe('kbs:///a/key/fixed')
    expect(ruleFor(plan, 'kbs:///a/key/app-0123456789abcdef')?.uri).toBe('kbs:///a/key/app-{digest}')
    expect(ruleFor(plan, 'kbs:///a/key/app-x')).toBeUndefined()
    expect(isNamedBy('kbs:///a/{run}/k-{digest}', 'kbs:///a/0123456789abcdef/k-0123456789abcdef')).toBe(true)
    expect(isNamedBy('kbs:///a.b/k/v', 'kbs:///a-b/k/v')).toBe(false)
  })
})

import { seenBy } from '../../src/kbs/denial.ts'
import { desiredState, parsePlan, ruleFor } from '../../src/kbs/plan.ts'
import { evaluateRule } from '../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../src/kbs/rego/parse.ts'
import { planKbs } from '../../src/guests/play/plan-kbs.ts'

// Registers in the rules of a plan: a launch measurement of TDX and of Azure's machines is that of a firmware, which many images share.

const uri = 'kbs:///team/image-key/app'
const measurement = 'aa'.repeat(48)
const rtmr = 'bb'.repeat(48)
const pcr = 'cc'.repeat(32)
const planOf = (admit: string): ReturnType<typeof parsePlan> =>
  parsePlan(`version: 1\nresources:\n  - {uri: "${uri}", source: kept, admit: [{${admit}}]}\n`, 'plan.yml')
const embedded = { embedded: false, current: null }
const tdx = (more: object): object => ({ tdx: { quote: { body: { mr_td: measurement, ...more } } } })
const azure = (more: object): object => ({ 'az-tdx-vtpm': { ...tdxBody, tpm: more } })
const tdxBody = { quote: { body: { mr_td: measurement } } }

async function gives(admit: string, evidence: object): Promise<unknown> {
  const policy = parseRego(desiredState(await planOf(admit), embedded).resourcePolicy ?? '')
  const cpu0 = {
    'ear.status': 'affirming',
    'ear.appraisal-policy-id': 'default',
    'ear.veraison.annotated-evidence': JSON.parse(JSON.stringify(evidence)),
  }
  const data = { plugin: 'resource', 'resource-path': uri.slice('kbs:///'.length).split('/') }
  return evaluateRule(policy, 'allow', { input: { submods: { cpu0 } }, data })
}

test('an image with the same firmware gets nothing', async () => {
  const rule = `technology: tdx, measurements: [${measurement}], registers: {rtmr_1: [${rtmr}], rtmr_2: [${rtmr}, ${'dd'.repeat(48)}]}`
  expect(await gives(rule, tdx({ rtmr_1: rtmr, rtmr_2: rtmr }))).toBe(true)
  expect(await gives(rule, tdx({ rtmr_1: rtmr, rtmr_2: 'dd'.repeat(48) }))).toBe(true)
  for (const other of [{ rtmr_1: rtmr, rtmr_2: measurement }, { rtmr_1: rtmr }, { rtmr_1: [rtmr], rtmr_2: rtmr }, {}])
    expect(await gives(rule, tdx(other))).toBe(false)
})

test('PCRs of a vTPM and of a TPM are compared where the claims have them', async () => {
  const az = `technology: az-tdx-vtpm, measurements: [${measurement}], registers: {pcr11: [${pcr}]}`
  expect(await gives(az, azure({ pcr11: pcr }))).toBe(true)
  expect(await gives(az, azure({ pcr11: 'dd'.repeat(32) }))).toBe(false)
  expect(await gives(az, azure({ pcr08: pcr }))).toBe(false)
  const tpm = `technology: tpm, measurements: [${pcr}], registers: {pcr04: [${pcr}]}`
  expect(await gives(tpm, { tpm: { pcr11: pcr, pcr04: pcr } })).toBe(true)
  expect(await gives(tpm, { tpm: { pcr11: pcr, pcr4: pcr } })).toBe(false)
})

test.each([
  ['snp', `{rtmr_1: [${rtmr}]}`, 'snp has no registers'],
  ['tdx', `{pcr11: [${pcr}]}`, 'is not a register of tdx: write rtmr_0 to rtmr_3'],
  ['tdx', `{rtmr_1: [${rtmr.toUpperCase()}]}`, 'is not 96 lower-case hex digits'],
  ['az-snp-vtpm', `{pcr8: [${pcr}]}`, 'write pcr00 to pcr23'],
  ['az-snp-vtpm', `{pcr24: [${pcr}]}`, 'write pcr00 to pcr23'],
  ['tdx', '{rtmr_1: []}', 'must not be empty'],
])('%s with %s is refused', async (technology, registers, why) => {
  const admit = `technology: ${technology}, measurements: [${measurement}], registers: ${registers}`
  await expect(planOf(admit)).rejects.toThrow(why)
})

test('a rule that compares the firmware alone is said', async () => {
  const notes = async (admit: string): Promise<string> => desiredState(await planOf(admit), embedded).notes.join()
  const said = 'is that of the firmware'
  for (const one of ['tdx', 'az-snp-vtpm', 'az-tdx-vtpm'])
    expect(await notes(`technology: ${one}, measurements: [${measurement}]`)).toContain(said)
  expect(await notes(`technology: tdx, measurements: [${measurement}], registers: {rtmr_1: [${rtmr}]}`)).not.toContain(
    said,
  )
  expect(await notes(`technology: snp, measurements: [${measurement}]`)).not.toContain(said)
})

test('a denial names the register, and a played guest does not count as admitted', async () => {
  const plan = await planOf(`technology: tdx, measurements: [${measurement}], registers: {rtmr_1: [${rtmr}]}`)
  const evidence = JSON.parse(JSON.stringify(tdx({ rtmr_1: measurement })))
  const claims = { submods: { cpu0: { 'ear.status': 'affirming', 'ear.veraison.annotated-evidence': evidence } } }
  const lines = seenBy(claims, ruleFor(plan, uri)).join('\n')
  expect(lines).toContain(`rtmr_1: ${measurement}; the plan admits ${rtmr}`)
  expect(lines).toContain('appraisal policy: none; the plan admits default')
  const guest = { technology: 'tdx' as const, measurement, initdata: null }
  expect(await planKbs(plan, guest, async () => null)(uri)).toMatchObject({ outcome: 'not-known' })
  const other = { ...guest, measurement: rtmr }
  expect(await planKbs(plan, other, async () => null)(uri)).toMatchObject({ outcome: 'failed' })
})

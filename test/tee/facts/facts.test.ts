import { factsJson, plain } from '../../../src/tee/facts/json.ts'
import { chipNames, chipOf, isHardware, isSoftwareTpm } from '../../../src/tee/facts/machine.ts'
import { numberFact, numberNames } from '../../../src/tee/facts/numbers.ts'
import { logOf, processorOf, tpmQuoteOf } from '../../../src/tee/facts/processor.ts'
import { statusFacts } from '../../../src/tee/facts/status.ts'
import { goodChip, goodPpid, verdictWith } from '../../../testkit/facts.ts'

describe('the written form of facts', () => {
  test('is flat, and leaves out groups that are not known', () => {
    expect(factsJson(verdictWith('tdx'))).toMatchObject({
      'tcb-status': 'UpToDate',
      'sept-ve-disable': true,
      ppid: goodPpid,
      collateral: 'current',
      'tdx-module': 'TDX_01',
    })
    const short = factsJson(verdictWith('tdx', { tcb: null, platform: null }))
    expect(Object.keys(short)).not.toEqual(expect.arrayContaining(['tcb-status']))
    expect(short).not.toHaveProperty('ppid')
    expect(short).not.toHaveProperty('tdx-module')
    expect(short).toMatchObject({ collateral: null, version: 4 })
    expect(factsJson(verdictWith('snp', { snp: null }))).toEqual({})
    expect(factsJson(verdictWith('snp', { snp: { revocationChecked: null } }))).not.toHaveProperty('revocationChecked')
    expect(factsJson(verdictWith('sample'))).toEqual({ svn: '1', hardware: false })
  })

  test("has Azure's processor and quote one level down", () => {
    expect(factsJson(verdictWith('az-snp-vtpm', { log: { events: [], findings: ['one'] } }))).toMatchObject({
      platform: 'azure',
      report: { vmpl: 0, chipId: goodChip },
      quote: { clock: '5' },
      startupLocality: 0,
      eventLogFindings: ['one'],
    })
    expect(factsJson(verdictWith('az-tdx-vtpm', { tdx: null, quote: null }))).toMatchObject({ report: null, quote: {} })
  })

  test('writes an event as a policy names it, without our own kind', () => {
    const event = { index: 1, register: 7, type: 'EV_IPL', digest: '00', extended: true, covers: 'data' } as const
    const events = [{ ...event, measured: { kind: 'text', text: 'a' } as const }]
    expect(factsJson(verdictWith('tpm', { log: { events, findings: [] } }))['eventLog']).toEqual([
      { ...event, measured: { text: 'a' } },
    ])
  })

  test('of an IMA list names each file by its algorithm', () => {
    const verdict = verdictWith('tpm')
    if (verdict.technology !== 'tpm' || verdict.facts === null) throw new Error('a TPM verdict has facts')
    const files = [{ path: '/a', algorithm: 'sha256', digest: 'aa' }]
    const ima = { rule: 'own-hash', bootAggregate: true, violations: 0, unread: 1, files }
    expect(factsJson({ ...verdict, facts: { ...verdict.facts, ima } })).toMatchObject({
      imaRule: 'own-hash',
      imaUnread: 1,
      imaFiles: [{ path: '/a', sha256: 'aa' }],
    })
  })

  test('takes nothing that JSON does not have', () => {
    expect(plain({ a: [1, { b: null }], c: undefined })).toEqual({ a: [1, { b: null }] })
    for (const value of [1n, Buffer.alloc(1), Number.NaN, new Date(0)]) expect(() => plain({ value })).toThrow('value')
  })
})

test('the processor of a technology, and what stands for a report that could not be read', () => {
  expect(processorOf(verdictWith('az-snp-vtpm'))).toMatchObject({ kind: 'snp', facts: { chipId: goodChip } })
  expect(processorOf(verdictWith('az-tdx-vtpm', { tdx: null }))).toEqual({ kind: 'tdx', facts: null })
  expect(processorOf(verdictWith('tpm'))).toEqual({ kind: 'none' })
  expect(tpmQuoteOf(verdictWith('snp'))).toBeUndefined()
  expect(tpmQuoteOf(verdictWith('tpm', { quote: null }))).toBeNull()
  expect(tpmQuoteOf(verdictWith('az-tdx-vtpm'))).toMatchObject({ clock: '5' })
  expect(logOf(verdictWith('tdx'))).toBeNull()
  expect(logOf(verdictWith('tdx', { log: { events: [], findings: [] } }))).toEqual({ events: [], findings: [] })
})

test('a chip has a name unless the host masks it; Turin has two', () => {
  expect(chipOf(verdictWith('snp'))).toBe(goodChip)
  expect(chipOf(verdictWith('az-tdx-vtpm'))).toBe(goodPpid)
  for (const verdict of [
    verdictWith('snp', { snp: { chipId: '00'.repeat(64) } }),
    verdictWith('snp', { snp: null }),
    verdictWith('tdx', { platform: null }),
    verdictWith('tpm'),
  ]) {
    expect(chipOf(verdict)).toBeNull()
    expect(chipNames(verdict)).toEqual([])
  }
  const chipId = 'ab'.repeat(8) + '00'.repeat(56)
  expect(chipNames(verdictWith('snp', { snp: { line: 'Turin', chipId } }))).toEqual(['ab'.repeat(8), chipId])
})

test('what is hardware', () => {
  expect(isHardware(verdictWith('tpm'))).toBe(true)
  expect(isHardware(verdictWith('tpm', { trust: { softwareTpm: true } }))).toBe(false)
  expect(isHardware(verdictWith('sample'))).toBe(false)
  expect(isSoftwareTpm({ technology: 'tpm', facts: null })).toBe(true)
  expect(isSoftwareTpm({ technology: 'snp', facts: null })).toBe(false)
})

test('number facts by the names of policies', () => {
  expect(numberFact(verdictWith('az-snp-vtpm'), 'tcb.reported.snp')).toBe(20)
  expect(numberFact(verdictWith('tdx'), 'tcb-evaluation')).toBe(17)
  expect(numberFact(verdictWith('tdx'), 'tcb.reported.snp')).toBeNull()
  expect(numberFact(verdictWith('snp'), 'toString')).toBeNull()
  expect(numberNames).toEqual(expect.arrayContaining(['tcb.launch.microcode', 'guestSvn', 'pce-svn']))
})

test('the status that a verdict file stores leaves out what is unknown', () => {
  expect(statusFacts(verdictWith('snp'))).toMatchObject({ product: 'Milan-B0', vmpl: 0, revocationChecked: true })
  expect(statusFacts(verdictWith('snp'))).not.toHaveProperty('csp')
  expect(Object.keys(statusFacts(verdictWith('tdx', { tcb: null })))).toEqual(['sept-ve-disable', 'fmspc'])
  expect(statusFacts(verdictWith('az-snp-vtpm'))).toMatchObject({ vmpl: 0, clock: '5' })
  expect(statusFacts(verdictWith('tpm', { trust: { softwareTpm: true } }))).toMatchObject({
    softwareTpm: true,
    akPinned: false,
  })
  expect(statusFacts(verdictWith('sample'))).toEqual({})
})

import { referenceValuesType, type ReferenceValues } from '../../../src/tee/reference/values.ts'
import { trusteeValues } from '../../../src/tee/reference/trustee-values.ts'

const digest = (digit: string, size = 96): string => digit.repeat(size)
const document = (technology: ReferenceValues['technology'], ...rows: Record<string, string>[]): ReferenceValues => ({
  ...{
    type: referenceValuesType,
    name: 'x',
    technology,
    covers: [],
    storage: 'exposed',
    level: 'machine-only',
    inputs: {},
  },
  values: rows.map((measured, i) => ({ shape: { row: i }, measured })),
})

test('one list a name, each value once, sorted', () => {
  const rows = ['b', 'a', 'b'].map((digit) => ({ measurement: digest(digit) }))
  expect(trusteeValues(document('snp', ...rows))).toEqual({
    values: { snp_launch_measurement: [digest('a'), digest('b')] },
    left: [],
  })
})

test('what the default policy does not compare is named', () => {
  const row = { 'mr-td': digest('1'), rtmr0: digest('2'), rtmr1: digest('3'), rtmr2: digest('4') }
  expect(trusteeValues(document('tdx', row))).toEqual({
    values: { mr_td: [digest('1')], rtmr_1: [digest('3')], rtmr_2: [digest('4')] },
    left: ['rtmr0'],
  })
})

test("Azure's names, and the measurement in base64", () => {
  const row = { measurement: digest('0'), pcr11: digest('5', 64), pcr4: digest('6', 64) }
  expect(trusteeValues(document('az-snp-vtpm', row))).toEqual({
    values: { measurement: ['A'.repeat(64)], snp_pcr11: [digest('5', 64)] },
    left: ['pcr4'],
  })
  expect(trusteeValues(document('az-tdx-vtpm', { pcr11: digest('5', 64) })).values).toEqual({
    tdx_pcr11: [digest('5', 64)],
  })
})

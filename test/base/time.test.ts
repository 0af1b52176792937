import { parseTime } from '../../src/base/time.ts'

test.each([
  ['2026-01-31T00:00:00Z', '2026-01-31T00:00:00.000Z'],
  ['2026-01-31T12:30Z', '2026-01-31T12:30:00.000Z'],
  ['2026-01-31T12:30:01.5Z', '2026-01-31T12:30:01.500Z'],
  ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
])('%s', (text, time) => expect(parseTime(text, '--at').toISOString()).toBe(time))

test.each([
  'tomorrow',
  '',
  // Without Z it is local time: another moment on another machine.
  '2026-01-31T00:00:00',
  '2026-01-31T00:00:00+01:00',
  '2026-02-30',
  '2026-02-30T00:00:00Z',
  '2026-13-01',
  '2026-01-31T24:00:01Z',
  '2026-01-31 00:00:00Z',
  ' 2026-01-31',
  '1769817600',
])('%j is refused', (text) => {
  try {
    parseTime(text, '--at')
    throw new Error('it was read')
  } catch (error) {
    expect(error).toMatchObject({
      code: 'input-invalid',
      message: `--at: ${JSON.stringify(text)} is not a valid time`,
      remedy: 'Use 2026-01-31T00:00:00Z.',
    })
  }
})

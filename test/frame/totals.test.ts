import { closingLine } from '../../scripts/test/totals.ts'

const totals = (passed: number, failed: number): string => JSON.stringify({ passed, failed })

test.each([
  ['all passed', totals(3, 0), 0, '3 passed, 0 failed', 0],
  ['one failed', totals(2, 1), 1, '2 passed, 1 failed', 1],
  ['a forbidden skip, of which jest knows nothing', totals(2, 1), 0, '2 passed, 1 failed', 1],
  ['jest failed for another reason', totals(3, 0), 1, '3 passed, 1 failed', 1],
  ['jest broke down', null, 1, '0 passed, 1 failed', 1],
  ['jest was killed', null, null, '0 passed, 1 failed', 1],
  ['jest only listed tests', null, 0, null, 0],
])('%s', (_, found, status, line, exitCode) => {
  expect(closingLine(found, status)).toEqual({ line, exitCode })
})

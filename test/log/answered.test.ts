import { answeredBadly } from '../../src/log/answered.ts'

test.each([
  [401, 'unauthorized', 'The log does not accept this client: check the address, and ask its operator.'],
  [403, 'unauthorized', 'The log does not accept this client: check the address, and ask its operator.'],
  [404, 'log-error', 'Check the address of the log.'],
  [429, 'log-error', 'Try again later.'],
  [503, 'log-error', 'Try again later.'],
] as const)('%i is %s: a server that answers was reached', (status, code, remedy) => {
  const error = answeredBadly('the log', 'https://log.example', status, 'checkpoint')
  expect(error).toMatchObject({ code, remedy, subject: 'https://log.example', exitCode: 3 })
  expect(error.message).toContain(`answered ${status}: checkpoint`)
})

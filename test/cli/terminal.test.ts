import { terminalText } from '../../src/cli/terminal.ts'
import type { ActionReport } from '../../src/report/types.ts'

test('what a line says already is not repeated as a note', () => {
  const report: ActionReport = {
    headline: 'Refused',
    status: 'refused',
    subject: null,
    facts: [],
    tables: [],
    exceptions: [],
    commands: [],
    notes: ['revoked: why', 'another note'],
    details: {},
  }
  expect(terminalText(report, ['revoked: why'])).toBe('Refused\n  revoked: why\n  note: another note\n')
})

import { perform } from '../../src/doors/perform.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { openState } from '../../src/agent/state.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

test('a result with many lines shows twenty of them and counts the rest', async () => {
  const ports = testPorts()
  const context = { ports, state: openState(scratch('perform'), ports) }
  const inputs = rawInputs({ given: () => undefined, defaults: { timeout: '' }, ports, confine: null, label: String })
  const report = {
    ...{ headline: 'Refused', status: 'refused' as const, subject: null },
    ...{ facts: [], tables: [], exceptions: [], commands: [], notes: [], details: {} },
  }
  const door = (lines: string[]) => async () => ({
    name: 'sbom',
    run: () => Promise.resolve({ outputs: {}, report: { ...report, facts: [] }, lines, refused: true }),
  })
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `line ${i}`)
  const many = await perform('sbom', door(numbers(25)), inputs, context)
  expect(many.lines).toHaveLength(21)
  expect(many.lines.at(-1)).toBe('… and 5 more')
  expect((await perform('sbom', door(numbers(20)), inputs, context)).lines).toEqual(numbers(20))
})

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ActionContext } from '../../src/doors/context.ts'
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

test('a run that takes longer than its timeout ends with its requests', async () => {
  const ports = testPorts()
  const server = createServer(() => {}).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const closed = new Promise((resolve) => server.once('connection', (socket) => socket.once('close', resolve)))
  const inputs = rawInputs({ given: () => undefined, defaults: { timeout: '1' }, ports, confine: null, label: String })
  let ended: unknown
  const door = async () => ({
    name: 'sbom',
    run: async (_inputs: unknown, context: ActionContext) => {
      ended = await context.ports.http.request(url).catch((error: unknown) => error)
      return Promise.reject(ended as Error)
    },
  })
  const state = openState(scratch('perform'), ports)
  const done = await perform('sbom', door, inputs, { ports, state })
  expect(done).toMatchObject({ exitCode: 3, error: { code: 'timeout', message: 'sbom did not end within 1 s' } })
  await closed
  expect(ended).toMatchObject({ code: 'timeout', subject: 'timeout' })
  server.close()
})

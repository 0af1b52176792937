import { taskTable, type TaskName } from '../../src/agent/worker/table.ts'
import type { JsonValue } from '../../src/base/json.ts'
import { noCaller } from '../../src/agent/task-client.ts'
import { tasks } from '../../src/tasks/tasks.ts'
import { testPorts } from '../../testkit/ports.ts'

const names = Object.keys(taskTable) as TaskName[]
const requests: [string, JsonValue][] = [
  ['nothing', null],
  ['a list', []],
  ['no member', {}],
  ['a foreign member', { 'x-evil': '::stop-commands::t' }],
  ['a prototype', JSON.parse('{"__proto__":{"output":"oci:/x"},"constructor":1}') as JsonValue],
]

describe.each(names)('the task %s', (name) => {
  test.each(requests)('refuses %s as a wrong request, and calls it no defect of ours', async (_title, request) => {
    const ports = testPorts()
    const work = { path: () => Promise.reject(new Error('the request was taken')) }
    const task = await tasks[name]()
    const done = task.perform(request, { ports, work, agent: null, caller: noCaller })
    await expect(done).rejects.toMatchObject({ code: 'input-invalid', exitCode: 2 })
  })
})

import { door } from '../../src/actions/publish/main.ts'
import { openState } from '../../src/agent/state.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

/** Runs the root action with inputs as a runner passes them on, known or not. */
async function publish(given: Record<string, string>): Promise<unknown> {
  const ports = testPorts()
  const inputs = rawInputs({ given: (name) => given[name], defaults: {}, ports, confine: null, label: (name) => name })
  return door.run(inputs, { ports, state: openState(scratch('publish'), ports) }).catch((error: unknown) => error)
}

test.each([
  ['engine', 'syft'],
  ['engine', 'both'],
  ['engine', 'other'],
  ['subject', 'directory:.'],
  ['subject', 'disk:image.img'],
])('the root action refuses %s: %s and does not ignore it', async (name, value) => {
  expect(await publish({ technology: 'none', [name]: value })).toMatchObject({
    code: 'unsupported',
    subject: name,
    exitCode: 2,
  })
})

test.each([
  ['engine', 'builtin'],
  ['subject', 'image'],
])('it takes %s: %s, which is what it does', async (name, value) => {
  // The next thing that it misses.
  expect(await publish({ technology: 'none', [name]: value })).toMatchObject({
    code: 'input-missing',
    subject: 'output',
  })
})

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { digestOf } from '../../../src/tee/eventlog/hashes.ts'
import { agentStart, journalHead, openRtmr3, parseRuntimeLog, replayRegister } from '../../../src/tee/register/index.ts'
import { rtmrPath } from '../../../src/tee/register/extend-rtmr.ts'
import { testPorts } from '../../../testkit/ports.ts'

const start = agentStart({ key: 'K'.repeat(43), job: `sha256:${'1'.repeat(64)}` })
const head = journalHead({ count: 1, head: `sha256:${'2'.repeat(64)}` })

/** SIMULATION of the kernel's file: plain bytes, so that what is written shows itself; the kernel would extend with it. */
function ready(value: Buffer) {
  const ports = testPorts()
  const path = rtmrPath(ports)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, value)
  return { ports, path }
}

test('RTMR3 is extended by writes of 48 bytes, and the log of index 4 leads to what they make', async () => {
  const { ports, path } = ready(Buffer.alloc(48))
  const register = await openRtmr3(null, ports)
  expect(register).toMatchObject({ name: 'rtmr3', warning: null })
  let value: Buffer = Buffer.alloc(48)
  for (const record of [start, head]) {
    await register!.extend(record)
    const written = readFileSync(path)
    expect(written).toHaveLength(48)
    value = digestOf('sha384', value, written)
  }
  const runtime = parseRuntimeLog(register!.log())
  expect(runtime.map(({ index }) => index)).toEqual([4, 4])
  expect(replayRegister({ register: 'rtmr3', value, log: null, runtime }).records).toEqual([start, head])
})

test('one that the boot log does not explain is warned of', async () => {
  const { ports } = ready(Buffer.alloc(48, 1))
  expect((await openRtmr3(null, ports))?.warning).toContain('rtmr3 already holds')
})

test('a kernel without the files has no register; a file of another size is an error', async () => {
  expect(await openRtmr3(null, testPorts())).toBeNull()
  await expect(openRtmr3(null, ready(Buffer.alloc(20)).ports)).rejects.toThrow('has 20 bytes, not 48')
})

test('a refused write is an error, and the log stays as long as the register', async () => {
  const { ports, path } = ready(Buffer.alloc(48))
  const register = await openRtmr3(null, ports)
  await register!.extend(start)
  const before = register!.log()
  rmSync(path)
  await expect(register!.extend(head)).rejects.toMatchObject({
    code: 'tool-failed',
    remedy: expect.stringContaining('CONFIG_TSM_MEASUREMENTS'),
  })
  expect(register!.log()).toEqual(before)
})

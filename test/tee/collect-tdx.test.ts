import { hash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { parseEventLog } from '../../src/tee/eventlog/parse.ts'
import { replay } from '../../src/tee/eventlog/replay.ts'
import { tdxCollector } from '../../src/tee/collect/tdx.ts'
import { wholeLog } from '../../src/tee/collect/tdx-log.ts'
import { agentStart, encodeRecord, journalHead } from '../../src/tee/register/index.ts'
import { tdx } from '../../src/tee/verify/tdx/index.ts'
import { testPorts, type recordingLog } from '../../testkit/ports.ts'
import { simulatedTsm } from '../../testkit/tee/tsm/simulated-tsm.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { at, makeWorld, reportData } from '../../testkit/tee/tdx/synthetic.ts'

// The TD, its quote and its registers are SIMULATED; the firmware log is a real one.
const ccel = 'tee/eventlog/cc-trusted-api/test_data/ccel_data.bin'
const job = `sha256:${'1'.repeat(64)}` as const
const start = agentStart({ job, key: 'k'.repeat(43) })
const head = journalHead({ count: 1, head: `sha256:${'2'.repeat(64)}` })
const records = Buffer.concat([start, head].map((record) => encodeRecord(4, record, ['sha384'])))

function guest(): Ports {
  const ports = testPorts()
  mkdirSync(join(ports.roots.tsm, 'report'), { recursive: true })
  mkdirSync(join(ports.roots.acpi, 'data'), { recursive: true })
  writeFileSync(join(ports.roots.acpi, 'data/CCEL'), readFileSync(vector(ccel)))
  return ports
}

/** A quote whose registers are where a log leads to. */
function worldOf(log: Buffer): ReturnType<typeof makeWorld> {
  const registers = replay(parseEventLog(log, 'ccel'), 'sha384', 'ccel')
  return makeWorld({
    body: (body) => registers.forEach((value, index) => index > 0 && value.copy(body, 280 + 48 * index)),
  })
}

withPeers(
  [`vectors:${ccel}`],
  'CCEL and the agent’s records make one log that leads to the quoted registers',
  async () => {
    const ports = guest()
    const bare = parseEventLog(readFileSync(vector(ccel)), 'ccel').bytes
    const whole = Buffer.concat([readFileSync(vector(ccel)).subarray(0, bare), records])
    const world = worldOf(whole)
    const tsm = simulatedTsm({ provider: 'tdx_guest', outblob: Buffer.from(world.quote) })
    const taken = await tdxCollector(tsm.files).collect(reportData, ports, records)
    expect(Buffer.from(String(taken.evidence['cc_eventlog']), 'base64').equals(whole)).toBe(true)
    const verify = (evidence: typeof taken) =>
      tdx.verify(evidence, reportData, {
        at,
        rules: {},
        collateral: {
          amdCertificates: [],
          amdLists: [],
          intel: world.collateral === null ? [] : [world.collateral],
          tpmAuthorities: [],
        },
        trust: { intelRoots: world.roots },
      })
    const verdict = verify(taken)
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(verdict.register).toEqual({ name: 'rtmr3', resettable: false, records: [start, head], foreign: [] })
    // The same quote with a log that is one record short, and with one that hides it from `runtime-log`.
    const failed = (evidence: typeof taken) => verify(evidence).checks.flatMap(({ name, ok }) => (ok ? [] : [name]))
    const short = records.subarray(0, encodeRecord(4, start, ['sha384']).length)
    const cut = wholeLog(whole.subarray(0, bare), short)?.toString('base64') ?? ''
    expect(failed({ ...taken, evidence: { ...taken.evidence, cc_eventlog: cut } })).toEqual(['replay RTMR3'])
    const documents = { ...taken.documents, 'runtime-log': short.toString('base64') }
    expect(failed({ ...taken, documents })).toEqual(['register'])
  },
)

withPeers([`vectors:${ccel}`], 'RTMR3 is opened by the guest driver’s file, where the kernel has one', async () => {
  const ports = guest()
  const { openRegister } = tdxCollector()
  expect(await openRegister?.(ports)).toBeNull()
  expect((ports.log as ReturnType<typeof recordingLog>).lines.join()).toMatch(/Linux 6.16 .*accept-no-register/)
  const folder = join(ports.roots.misc, 'tdx_guest/measurements')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'rtmr3:sha384'), Buffer.alloc(48))
  const register = await openRegister?.(ports)
  expect(register).toMatchObject({ name: 'rtmr3', warning: null })
  await register?.extend(start)
  // A plain file holds what was written; the kernel extends by it.
  const data = register?.log().subarray(-(8 + `sealwright.dev ${start.operation} ${start.content}`.length))
  expect(readFileSync(join(folder, 'rtmr3:sha384')).equals(hash('sha384', data ?? '', 'buffer'))).toBe(true)
  expect((await openRegister?.(ports))?.warning).toMatch(/an agent started in this boot before/)
})

test('without a firmware log the records stand behind a header of their own', () => {
  const log = parseEventLog(wholeLog(null, records) ?? Buffer.alloc(0), 'ccel')
  expect(log.banks).toEqual(['sha384'])
  expect(log.events.map(({ register }) => register)).toEqual([4, 4])
  expect(wholeLog(null, undefined)).toBeNull()
})

test('a firmware log with other digests cannot be gone on with', () => {
  const other = Buffer.from(wholeLog(null, records)?.subarray(0, 65) ?? [])
  other.writeUInt16LE(0x0b, 60)
  other.writeUInt16LE(32, 62)
  expect(() => wholeLog(other, records)).toThrow(expect.objectContaining({ code: 'format-invalid' }) as Error)
})

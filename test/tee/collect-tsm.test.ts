import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Exec, Ports } from '../../src/base/ports.ts'
import { InputError } from '../../src/base/errors.ts'
import { firmwareLogs } from '../../src/tee/collect/logs.ts'
import { snpCollector } from '../../src/tee/collect/snp.ts'
import { tdxCollector } from '../../src/tee/collect/tdx.ts'
import { parseSnpReport } from '../../src/tee/verify/snp/report.ts'
import { verifySnp } from '../../src/tee/verify/snp/verify-snp.ts'
import { snpInput } from '../../src/tee/verify/snp/index.ts'
import { recordingLog, testPorts } from '../../testkit/ports.ts'
import { simulatedTsm, type SimulatedTsmOptions } from '../../testkit/tee/tsm/simulated-tsm.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { syntheticSnp, syntheticTrust } from '../../testkit/tee/pki/snp.ts'

// configfs-tsm, SIMULATED; reports are synthetic.
const data = Buffer.alloc(48, 7)
const at = new Date('2026-06-01T00:00:00Z')

/** Ports of a guest of one kind; time does not pass. */
function guest(device: string | null, overrides: Partial<Ports> = {}): Ports {
  const base = testPorts()
  const ports = { ...base, clock: { ...base.clock, sleep: async () => {} }, ...overrides }
  mkdirSync(join(ports.roots.tsm, 'report'), { recursive: true })
  mkdirSync(ports.roots.dev, { recursive: true })
  if (device !== null) writeFileSync(join(ports.roots.dev, device), '')
  return ports
}

const report = (inblob: Buffer, level = 0): Buffer =>
  syntheticSnp({
    line: 'Turin',
    version: 5,
    change: (bytes) => {
      inblob.copy(bytes, 0x50)
      bytes.writeUInt32LE(level, 0x30)
    },
  }).report
const sev: SimulatedTsmOptions = { provider: 'sev_guest', outblob: (inblob, level) => report(inblob, Number(level)) }

test('a synthetic Turin report comes through configfs-tsm and verifies', async () => {
  const [leaf] = syntheticSnp({ line: 'Turin' }).certificates
  const tsm = simulatedTsm({ ...sev, floor: '0', auxblob: table(leaf ?? Buffer.alloc(0)) })
  const taken = await snpCollector(tsm.files).collect(data, guest('sev-guest'))
  expect(tsm.writes).toEqual(['privlevel=0', 'inblob'])
  expect(taken.documents['collateral-amd-vcek']).toBe(leaf?.toString('base64'))
  const verdict = verifySnp(snpInput(taken), { reportData: data, at, trust: syntheticTrust() })
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
})

describe('privilege levels', () => {
  const collect = (options: Partial<SimulatedTsmOptions>, env: Record<string, string>) => {
    const tsm = simulatedTsm({ ...sev, ...options })
    const base = testPorts()
    const taken = snpCollector(tsm.files).collect(data, guest('sev-guest', { env: { ...base.env, ...env } }))
    return { tsm, taken }
  }

  test.each<[string, string, Record<string, string>, string]>([
    ['the floor is asked for when nothing is said', '2', {}, 'privlevel=2'],
    ['a wanted level is written as a decimal number', '1', { SEALWRIGHT_SNP_VMPL: '3' }, 'privlevel=3'],
  ])('%s', async (_what, floor, env, write) => {
    const { tsm, taken } = collect({ floor }, env)
    const made = parseSnpReport(Buffer.from((await taken).documents['tsm-outblob'] ?? '', 'base64'))
    expect(made.vmpl).toBe(Number(write.slice(-1)))
    expect(tsm.writes).toEqual([write, 'inblob'])
  })

  test.each<[string, Partial<SimulatedTsmOptions>, Record<string, string>, RegExp]>([
    ['a level below the floor', { floor: '2' }, { SEALWRIGHT_SNP_VMPL: '1' }, /VMPL 2 to 3, not 1/],
    ['a level that is no number', { floor: '0' }, { SEALWRIGHT_SNP_VMPL: '0x1' }, /not a level from 0 to 3/],
    ['a level where there are none', {}, { SEALWRIGHT_SNP_VMPL: '0' }, /no privilege levels/],
    ['a service where there is no SVSM', { floor: '0' }, { SEALWRIGHT_SNP_SERVICE: 'svsm' }, /no SVSM/],
    ['a service that nobody knows', { floor: '0' }, { SEALWRIGHT_SNP_SERVICE: 'vtpm' }, /is not svsm/],
    ['a service GUID without a service', { floor: '0' }, { SEALWRIGHT_SNP_SERVICE_GUID: 'x' }, /GUID/],
  ])('%s is refused before a report is taken', async (_what, options, env, message) => {
    const { tsm, taken } = collect(options, env)
    await expect(taken).rejects.toThrow(message)
    await expect(taken).rejects.toBeInstanceOf(InputError)
    expect(tsm.writes).toEqual([])
    expect(tsm.open).toEqual([])
  })

  test('an SVSM gives its manifest beside the report', async () => {
    const { tsm, taken } = collect(
      { floor: '1', manifest: Buffer.from('services'), outblob: () => report(Buffer.alloc(64, 9)) },
      { SEALWRIGHT_SNP_SERVICE: 'svsm' },
    )
    expect((await taken).documents['tsm-manifestblob']).toBe(Buffer.from('services').toString('base64'))
    expect(tsm.writes).toEqual(['privlevel=1', 'service_provider=svsm', 'inblob'])
  })

  test('an SVSM without a manifest is an error', async () => {
    const { taken } = collect({ floor: '1', manifest: Buffer.alloc(0) }, { SEALWRIGHT_SNP_SERVICE: 'svsm' })
    await expect(taken).rejects.toThrow('empty service manifest')
  })
})

describe('errors of the kernel', () => {
  test.each<[string, RegExp]>([
    ['EBUSY', /try again/],
    ['EIO', /quote service/],
    ['ETIMEDOUT', /30 s/],
    ['ENOTTY', /reboot/],
    ['EINVAL', /privilege level/],
    ['EFBIG', /newer kernel/],
    ['ENXIO', /load sev-guest/],
  ])('%s has its own remedy, and the request is removed', async (code, remedy) => {
    const tsm = simulatedTsm({ ...sev, fails: code })
    const failed = snpCollector(tsm.files).collect(data, guest('sev-guest'))
    await expect(failed).rejects.toMatchObject({
      code: 'tool-failed',
      message: expect.stringContaining(code),
      remedy: expect.stringMatching(remedy),
    })
    expect(tsm.open).toEqual([])
  })

  test.each(['EACCES', 'EPERM', 'ENOENT'])('%s when the request is made has its remedy', async (code) => {
    const tsm = simulatedTsm({ ...sev, failsToMake: code })
    await expect(snpCollector(tsm.files).collect(data, guest('sev-guest'))).rejects.toMatchObject({
      message: expect.stringContaining('mkdir'),
      remedy: expect.stringMatching(/root|confidential VM|configfs/),
    })
  })

  test('a busy firmware is asked again, with waits that grow', async () => {
    const waits: number[] = []
    const base = testPorts()
    const clock = {
      ...base.clock,
      sleep: async (ms: number) => {
        waits.push(ms)
      },
    }
    const tsm = simulatedTsm({ ...sev, fails: 'EBUSY', times: 2 })
    await snpCollector(tsm.files).collect(data, guest('sev-guest', { clock }))
    expect(waits).toEqual([200, 400])
  })

  test('a report over other data than was asked for is an error', async () => {
    const tsm = simulatedTsm({ ...sev, outblob: () => report(Buffer.alloc(64, 8)) })
    await expect(snpCollector(tsm.files).collect(data, guest('sev-guest'))).rejects.toThrow('other data')
  })
})

describe('what is missing is named', () => {
  test('device, kernel option and module', async () => {
    const ports = guest(null)
    expect(await snpCollector().missing(ports)).toMatch(/sev-guest is not there; it needs CONFIG_SEV_GUEST/)
    expect(await tdxCollector().missing(ports)).toMatch(/tdx_guest is not there; it needs CONFIG_TDX_GUEST_DRIVER/)
    const bare = testPorts()
    expect(await tdxCollector().missing(bare)).toMatch(/CONFIG_TSM_REPORTS and CONFIG_TDX_GUEST_DRIVER/)
    const nothing = { ...bare, roots: { ...bare.roots, tsm: join(bare.roots.temp, 'config/tsm') } }
    expect(await snpCollector().missing(nothing)).toMatch(/configfs is not mounted .*CONFIG_CONFIGFS_FS/)
  })

  test('nothing is missing with folder and device', async () => {
    expect(await snpCollector().missing(guest('sev-guest'))).toBeNull()
  })
})

describe('snpguest, SIMULATED, for kernels without configfs-tsm', () => {
  const leaf = syntheticSnp({ line: 'Turin' }).certificates[0] ?? Buffer.alloc(0)

  /** The program by its documented arguments. */
  const program = (change: { report?: (request: Buffer) => Buffer; certificates?: boolean } = {}): Exec => ({
    find: async (command) => (command === 'snpguest' ? '/usr/bin/snpguest' : null),
    run: async (_command, [action, first = '', second = '', ...rest]) => {
      if (action === 'report') {
        expect(rest).toEqual(['--vmpl', '0'])
        writeFileSync(first, (change.report ?? report)(readFileSync(second)))
        return { code: 0, stdout: Buffer.alloc(0), stderr: '' }
      }
      expect([action, first]).toEqual(['certificates', 'DER'])
      if (change.certificates === false) return { code: 1, stdout: Buffer.alloc(0), stderr: 'none were loaded' }
      mkdirSync(second)
      writeFileSync(join(second, 'vcek.der'), leaf)
      writeFileSync(join(second, 'notes.txt'), 'x')
      return { code: 0, stdout: Buffer.alloc(0), stderr: '' }
    },
  })

  function oldKernel(exec: Exec): Ports {
    const ports = testPorts({ exec, log: recordingLog() })
    mkdirSync(ports.roots.dev, { recursive: true })
    writeFileSync(join(ports.roots.dev, 'sev-guest'), '')
    return ports
  }

  test('gives a report that verifies, with the host’s certificates', async () => {
    const ports = oldKernel(program())
    expect(await snpCollector().missing(ports)).toBeNull()
    const taken = await snpCollector().collect(data, ports)
    expect(taken.evidence['cert_chain']).toEqual([{ cert_type: 'VCEK', data: [...leaf] }])
    const verdict = verifySnp(snpInput(taken), { reportData: data, at, trust: syntheticTrust() })
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  })

  test('a host without certificates is said so', async () => {
    const ports = oldKernel(program({ certificates: false }))
    const taken = await snpCollector().collect(data, ports)
    expect(taken.evidence['cert_chain']).toBeNull()
    expect((ports.log as ReturnType<typeof recordingLog>).lines.join()).toContain('collateral')
  })

  test('another report than asked for, or a short one, is an error', async () => {
    const other = oldKernel(program({ report: () => report(Buffer.alloc(64, 1)) }))
    await expect(snpCollector().collect(data, other)).rejects.toThrow('other data')
    const short = oldKernel(program({ report: () => Buffer.alloc(100) }))
    await expect(snpCollector().collect(data, short)).rejects.toThrow('1184')
  })

  test('without the program the reason names it', async () => {
    const none: Exec = { find: async () => null, run: () => Promise.reject(new Error('not there')) }
    expect(await snpCollector().missing(oldKernel(none))).toMatch(/with snpguest on the PATH/)
    expect(await snpCollector().missing(testPorts({ exec: none }))).not.toMatch(/snpguest/)
  })
})

describe('event logs', () => {
  const tdx = () => simulatedTsm({ provider: 'tdx_guest', outblob: Buffer.from('quote') })

  withPeers(
    ['vectors:tee/eventlog/cc-trusted-api/test_data/ccel_data.bin'],
    'a CCEL comes without its padding',
    async () => {
      const ports = guest('tdx_guest')
      const area = readFileSync(vector('tee/eventlog/cc-trusted-api/test_data/ccel_data.bin'))
      mkdirSync(join(ports.roots.acpi, 'data'), { recursive: true })
      writeFileSync(join(ports.roots.acpi, 'data/CCEL'), area)
      const taken = await tdxCollector(tdx().files).collect(data, ports)
      const log = Buffer.from(taken.documents['ccel'] ?? '', 'base64')
      expect(log.length).toBeLessThan(area.length)
      expect(area.subarray(0, log.length).equals(log)).toBe(true)
      expect(taken.evidence['cc_eventlog']).toBe(taken.documents['ccel'])
    },
  )

  test('a CCEL that is no log is an error that names it', async () => {
    const ports = guest('tdx_guest')
    mkdirSync(join(ports.roots.acpi, 'data'), { recursive: true })
    writeFileSync(join(ports.roots.acpi, 'data/CCEL'), Buffer.alloc(100, 1))
    const tsm = tdx()
    await expect(tdxCollector(tsm.files).collect(data, ports)).rejects.toThrow('data/CCEL')
    expect(tsm.open).toEqual([])
  })

  test('the boot log of a vTPM comes along; IMA’s only where PCRs are quoted; one that is too long is left out, and said', async () => {
    const ports = guest('sev-guest')
    mkdirSync(join(ports.roots.securityfs, 'tpm0'), { recursive: true })
    mkdirSync(join(ports.roots.securityfs, 'ima'), { recursive: true })
    writeFileSync(join(ports.roots.securityfs, 'tpm0/binary_bios_measurements'), 'firmware')
    writeFileSync(join(ports.roots.securityfs, 'ima/binary_runtime_measurements'), Buffer.alloc((4 << 20) + 1))
    const { documents } = await snpCollector(simulatedTsm(sev).files).collect(data, ports)
    expect(documents['tcg-event-log']).toBe(Buffer.from('firmware').toString('base64'))
    expect(documents['ima-log']).toBeUndefined()
    expect((ports.log as ReturnType<typeof recordingLog>).lines).toEqual([])
    expect(Object.keys(await firmwareLogs(ports))).toEqual(['tcg-event-log'])
    expect((ports.log as ReturnType<typeof recordingLog>).lines.join()).toContain(
      'binary_runtime_measurements has more',
    )
  })
})

/** A GHCB table with one VCEK. */
function table(certificate: Buffer): Buffer {
  const entries = Buffer.alloc(48)
  Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex').copy(entries)
  entries.writeUInt32LE(48, 16)
  entries.writeUInt32LE(certificate.length, 20)
  return Buffer.concat([entries, certificate])
}

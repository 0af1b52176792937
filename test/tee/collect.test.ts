import { contextAt } from '../../testkit/verify-context.ts'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkReportData, chooseCollector } from '../../src/tee/collect/index.ts'
import { sample } from '../../src/tee/collect/sample.ts'
import { snpReportJson } from '../../src/tee/collect/snp-json.ts'
import { snpCertificates } from '../../src/tee/verify/snp/certificate-table.ts'
import { parseTeeEvidence } from '../../src/tee/evidence.ts'
import { verifiers } from '../../src/tee/verify/index.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import type { Ports } from '../../src/base/ports.ts'
import { testPorts } from '../../testkit/ports.ts'
import { snpCollector } from '../../src/tee/collect/snp.ts'
import { tdxCollector } from '../../src/tee/collect/tdx.ts'
import { simulatedTsm } from '../../testkit/tee/tsm/simulated-tsm.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

const data = Buffer.alloc(48, 7)

describe('sample', () => {
  test('is what Trustee’s sample attester makes, and verifies', async () => {
    const taken = await sample.collect(data, testPorts())
    expect(taken).toEqual({
      technology: 'sample',
      evidence: { svn: '1', report_data: data.toString('base64') },
      documents: {},
    })
    expect(verifiers.sample?.verify(taken, data, contextAt(new Date()))).toMatchObject({
      status: 'verified',
      machine: null,
      facts: { svn: '1' },
    })
    expect(parseTeeEvidence(jcs(taken), 'evidence')).toEqual(taken)
  })

  test.each<[string, object, string]>([
    ['other report data', { report_data: Buffer.alloc(48, 8).toString('base64') }, 'report-data'],
    [
      'report data padded to 64',
      { report_data: Buffer.concat([data, Buffer.alloc(16)]).toString('base64') },
      'report-data',
    ],
    ['another svn', { svn: '2' }, 'form'],
    ['a foreign member', { extra: 'x' }, 'form'],
    ['bytes that are not base64', { report_data: '***' }, 'report-data'],
  ])('with %s is refused', async (_what, change, failed) => {
    const taken = await sample.collect(data, testPorts())
    const verdict = verifiers.sample?.verify(
      { ...taken, evidence: { ...taken.evidence, ...change } },
      data,
      contextAt(new Date()),
    )
    expect(verdict?.status).toBe('refused')
    expect(verdict?.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toContain(failed)
  })

  test('evidence of another technology is refused', async () => {
    const taken = await sample.collect(data, testPorts())
    expect(verifiers.sample?.verify({ ...taken, technology: 'snp' }, data, contextAt(new Date())).status).toBe(
      'refused',
    )
  })
})

test('stored evidence with a foreign member or technology is refused', () => {
  const refused = expect.objectContaining({ code: 'evidence-invalid' }) as Error
  expect(() => parseTeeEvidence(jcs({ technology: 'sample', evidence: {}, documents: {}, more: 1 }), 'e')).toThrow(
    refused,
  )
  expect(() => parseTeeEvidence(jcs({ technology: 'sgx', evidence: {}, documents: {} }), 'e')).toThrow(refused)
})

test('auto never takes sample, and says what is missing for each technology', async () => {
  await expect(chooseCollector('auto', testPorts())).rejects.toMatchObject({ code: 'technology-refused', exitCode: 1 })
  const error = await chooseCollector('auto', testPorts()).catch((thrown: Error) => thrown)
  for (const technology of ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm'])
    expect(String(error)).toContain(`- ${technology}: `)
  expect(String(error)).toContain('Linux 6.7')
})

test('report data of another size is a defect of ours', () => {
  expect(() => checkReportData(Buffer.alloc(64))).toThrow('48')
})

describe('configfs-tsm, SIMULATED', () => {
  const ready = (device: string): Ports => {
    const ports = testPorts()
    mkdirSync(join(ports.roots.tsm, 'report'), { recursive: true })
    mkdirSync(ports.roots.dev, { recursive: true })
    writeFileSync(join(ports.roots.dev, device), '')
    return ports
  }

  test('a TDX quote is taken with zero-padded report data, and the request is removed', async () => {
    const ports = ready('tdx_guest')
    const tsm = simulatedTsm({ provider: 'tdx_guest', outblob: Buffer.from('quote') })
    expect((await chooseCollector('auto', ports)).technology).toBe('tdx')
    const taken = await tdxCollector(tsm.files).collect(data, ports)
    expect(taken.evidence).toEqual({ cc_eventlog: null, quote: Buffer.from('quote').toString('base64') })
    expect(tsm.inblob?.equals(Buffer.concat([data, Buffer.alloc(16)]))).toBe(true)
    expect(tsm.open).toEqual([])
  })

  test.each<[string, Parameters<typeof simulatedTsm>[0], RegExp]>([
    ['an empty report', { provider: 'tdx_guest', outblob: Buffer.alloc(0) }, /empty report/],
    ['another provider', { provider: 'sev_guest', outblob: Buffer.from('x') }, /is sev_guest/],
    ['no driver', { provider: 'tdx_guest', outblob: Buffer.from('x'), fails: 'ENXIO' }, /ENXIO/],
    ['other writers all the time', { provider: 'tdx_guest', outblob: Buffer.from('x'), disturbed: true }, /disturbing/],
  ])('%s is an error, and the request is removed', async (_what, options, message) => {
    const ports = ready('tdx_guest')
    const tsm = simulatedTsm(options)
    await expect(tdxCollector(tsm.files).collect(data, ports)).rejects.toThrow(message)
    expect(tsm.open).toEqual([])
  })

  withPeers(
    ['vectors:coco/snp/test-report.bin'],
    'an SNP report is taken in Trustee’s form, with its certificates',
    async () => {
      const ports = ready('sev-guest')
      const report = Buffer.from(readFileSync(vector('coco/snp/test-report.bin')).subarray(0, 1184))
      report.fill(0, 0x50, 0x90)
      data.copy(report, 0x50)
      const tsm = simulatedTsm({ provider: 'sev_guest', outblob: report, auxblob: certificateTable() })
      const taken = await snpCollector(tsm.files).collect(data, ports)
      expect(taken.evidence['cert_chain']).toEqual([
        { cert_type: 'VCEK', data: [1, 2, 3] },
        { cert_type: { OTHER: '11111111-1111-1111-1111-111111111111' }, data: [4] },
      ])
      expect(taken.documents['tsm-outblob']).toBe(report.toString('base64'))
      expect(taken.documents['collateral-amd-vcek']).toBe(Buffer.of(1, 2, 3).toString('base64'))
      const json = snpReportJson(report)
      expect(json).toMatchObject({ version: report.readUInt32LE(0), vmpl: report.readUInt32LE(0x30) })
      expect(Buffer.from(json['measurement'] as number[])).toEqual(report.subarray(0x90, 0xc0))
      expect(jcs(taken).length).toBeGreaterThan(1184)
    },
  )

  test('a short SNP report is refused', async () => {
    const ports = ready('sev-guest')
    const tsm = simulatedTsm({ provider: 'sev_guest', outblob: Buffer.alloc(100, 1) })
    await expect(snpCollector(tsm.files).collect(data, ports)).rejects.toThrow('1184')
  })
})

test('a certificate table that is cut, endless or points outside is refused', () => {
  const refused = expect.objectContaining({ code: 'evidence-invalid' }) as Error
  const table = certificateTable()
  expect(() => snpCertificates(table.subarray(0, 24))).toThrow(refused)
  const outside = Buffer.from(table)
  outside.writeUInt32LE(60_000, 16)
  expect(() => snpCertificates(outside)).toThrow(refused)
})

test('a policy that no JSON number holds is refused', () => {
  const report = Buffer.alloc(1184)
  report.writeBigUInt64LE(1n << 60n, 8)
  expect(() => snpReportJson(report)).toThrow(expect.objectContaining({ code: 'evidence-invalid' }) as Error)
})

test('Turin’s TCB has an FMC, earlier ones have none', () => {
  const report = Buffer.alloc(1184)
  report.writeUInt32LE(3, 0)
  report[0x38] = 9
  expect(snpReportJson(report)['current_tcb']).toMatchObject({ fmc: null, bootloader: 9 })
  report[0x188] = 0x1a
  expect(snpReportJson(report)['current_tcb']).toMatchObject({ fmc: 9, bootloader: 0 })
})

function certificateTable(): Buffer {
  const table = Buffer.alloc(24 * 3 + 4)
  Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex').copy(table, 0)
  table.writeUInt32LE(72, 16)
  table.writeUInt32LE(3, 20)
  Buffer.alloc(16, 0x11).copy(table, 24)
  table.writeUInt32LE(75, 40)
  table.writeUInt32LE(1, 44)
  Buffer.from([1, 2, 3, 4]).copy(table, 72)
  return table
}

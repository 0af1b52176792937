import { contextAt } from '../../../testkit/verify-context.ts'
import { readFileSync } from 'node:fs'
import { certificatesOf, snp, snpInput } from '../../../src/tee/verify/snp/index.ts'
import type { SnpPolicy } from '../../../src/tee/verify/snp/policy.ts'
import { verifySnp } from '../../../src/tee/verify/snp/verify-snp.ts'
import type { TeeVerdict } from '../../../src/tee/types.ts'
import type { JsonObject } from '../../../src/base/json.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

const at = new Date('2025-06-01T00:00:00Z')
const read = (path: string): Buffer => readFileSync(vector(`tee/${path}`))
const failed = ({ checks }: TeeVerdict): string[] => checks.filter(({ ok }) => !ok).map(({ name }) => name)

/** Report data is taken from the documented values, never from the report. */
interface Expected {
  reportData: string
  measurement: string
  policy: string
  vmpl: number
  chipId: string
  reportId: string
  version: number
  hostData: string
  platformInfo: string
  current: string
  committed: string
  reportedTcb: { bl: number; tee: number; snp: number; ucode: number }
}

function expectedOf(report: string): Expected {
  const verdicts = JSON.parse(read('VERDICTS.json').toString()) as { snp: { report: string; expect: Expected }[] }
  const found = verdicts.snp.find((one) => one.report === report)
  if (found === undefined) throw new Error(`no documented verdict for ${report}`)
  return found.expect
}

function reportBytes(path: string): Buffer {
  return path.endsWith('.hex') ? Buffer.from(read(path).toString().trim(), 'hex') : read(path)
}

function judge(report: string, key: string, time = at, policy?: SnpPolicy, extra: Buffer[] = []): TeeVerdict {
  const reportData = Buffer.from(expectedOf(report).reportData, 'hex')
  const certificates = [...certificatesOf(read(key), key), ...extra]
  return verifySnp({ report: reportBytes(report), certificates }, { reportData, at: time, policy })
}

const cases: [report: string, key: string, time: string, policy: SnpPolicy, failed: string[]][] = [
  ['snp/go-sev-guest/attestation.bin', 'snp/go-sev-guest/vcek.testcer', '2025-06-01', {}, ['policy-debug']],
  ['snp/go-sev-guest/attestation.bin', 'snp/go-sev-guest/vcek.testcer', '2025-06-01', { acceptDebug: true }, []],
  ['snp/virtee-sev/certs_data/report_milan.hex', 'snp/virtee-sev/certs_data/vcek_milan.der', '2025-06-01', {}, []],
  ['trustee/snp/test-report.bin', 'trustee/snp/test-vcek.der', '2025-06-01', {}, []],
  ['trustee/snp/test-report.bin', 'trustee/snp/test-vcek.der', '2030-06-01', {}, ['chain-validity']],
  ['trustee/snp/test-vlek-report.bin', 'trustee/snp/test-vlek.der', '2025-06-01', {}, ['vmpl']],
  ['trustee/snp/test-vlek-report.bin', 'trustee/snp/test-vlek.der', '2025-06-01', { vmpl: 1 }, []],
  ['trustee/snp/test-vlek-report.bin', 'trustee/snp/test-vlek.der', '2026-01-01', { vmpl: 1 }, ['chain-validity']],
]
for (const [report, key, time, policy, expected] of cases) {
  const title = `${report} at ${time} by ${JSON.stringify(policy)}: ${expected.join(', ') || 'verified'}`
  withPeers(['vectors:tee'], title, async () => {
    const verdict = judge(report, key, new Date(time), policy)
    expect(failed(verdict)).toEqual(expected)
    expect(verdict.status).toBe(expected.length === 0 ? 'verified' : 'refused')
    const { reportedTcb: tcb, ...wanted } = expectedOf(report)
    expect(factsJson(verdict)).toMatchObject({
      version: wanted.version,
      vmpl: wanted.vmpl,
      measurement: wanted.measurement,
      hostData: wanted.hostData,
      chipId: wanted.chipId,
      reportId: wanted.reportId,
      reportData: wanted.reportData,
      policy: { value: wanted.policy },
      platform: { value: wanted.platformInfo },
      firmware: { current: wanted.current, committed: wanted.committed },
      tcb: { reported: { bootloader: tcb.bl, tee: tcb.tee, snp: tcb.snp, microcode: tcb.ucode } },
    })
  })
}

for (const kind of ['legacy', 'new']) {
  withPeers(['vectors:tee'], `the altered VCEK (${kind}) is refused`, async () => {
    const verdict = judge('trustee/snp/test-report.bin', `trustee/snp/test-vcek-invalid-${kind}.der`)
    expect(verdict.status).toBe('refused')
  })
}

const milan = ['snp/virtee-sev/certs_data/report_milan.hex', 'snp/virtee-sev/certs_data/vcek_milan.der'] as const

withPeers(['vectors:tee'], 'the key of another machine, or none, is refused', async () => {
  const swapped = failed(judge(milan[0], 'snp/go-sev-guest/vcek.testcer'))
  expect(swapped).toEqual(expect.arrayContaining(['chip', 'report-signature']))
  const reportData = Buffer.from(expectedOf(milan[0]).reportData, 'hex')
  expect(failed(verifySnp({ report: reportBytes(milan[0]), certificates: [] }, { reportData, at }))).toEqual([
    'key-certificate',
  ])
})

withPeers(['vectors:tee'], 'authorities of the line may come along, of another line not', async () => {
  const of = (line: string) => certificatesOf(read(`trustee/${line}_ask_ark_asvk.pem`), line)
  expect(failed(judge(...milan, at, {}, of('milan')))).toEqual([])
  expect(failed(judge(...milan, at, {}, of('genoa')))).toEqual(['given-authorities'])
})

withPeers(['vectors:tee'], 'other report data is refused', async () => {
  const certificates = certificatesOf(read(milan[1]), 'VCEK')
  const good = Buffer.from(expectedOf(milan[0]).reportData, 'hex')
  for (const reportData of [Buffer.alloc(64), Buffer.alloc(0), good.subarray(0, 48), Buffer.concat([good, good])]) {
    expect(failed(verifySnp({ report: reportBytes(milan[0]), certificates }, { reportData, at }))).toEqual([
      'report-data',
    ])
  }
})

withPeers(['vectors:tee'], 'a report cut or made longer is refused', async () => {
  const bytes = reportBytes(milan[0])
  const certificates = certificatesOf(read(milan[1]), 'VCEK')
  const sized = [
    ...Array.from({ length: bytes.length }, (_, i) => bytes.subarray(0, i)),
    Buffer.concat([bytes, Buffer.alloc(20)]),
  ]
  for (const report of sized) {
    expect(verifySnp({ report, certificates }, { reportData: bytes.subarray(0x50, 0x90), at }).status).toBe('refused')
  }
})

withPeers(['vectors:tee'], 'no bit of a report can be changed', async () => {
  const bytes = reportBytes(milan[0])
  const certificates = certificatesOf(read(milan[1]), 'VCEK')
  const reportData = Buffer.from(bytes.subarray(0x50, 0x90))
  // A stride that meets each bit of a byte in turn: every byte has one bit flipped.
  for (let bit = 0; bit < bytes.length * 8; bit += 9) {
    const report = Buffer.from(bytes)
    report[bit >> 3] = (report[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(verifySnp({ report, certificates }, { reportData, at }).status).toBe('refused')
  }
})

withPeers(['vectors:tee'], 'the key certificate of Turin chains to its root', async () => {
  const reportData = Buffer.from(expectedOf(milan[0]).reportData, 'hex')
  const certificates = [read('snp/virtee-sev/certs_data/vcek_turin.der')]
  const { checks } = verifySnp({ report: reportBytes(milan[0]), certificates }, { reportData, at })
  const chain = checks.filter(({ name }) => name.startsWith('chain-') || name.endsWith('-pinned'))
  expect(chain).toHaveLength(10)
  expect(chain.every(({ ok }) => ok)).toBe(true)
})

const genoa = () => JSON.parse(read('trustee/evidence.json').toString()) as JsonObject
const bound = () => {
  const { attestation_report: report } = genoa() as { attestation_report: { report_data: number[] } }
  return Buffer.from(report.report_data)
}

withPeers(['vectors:tee'], 'evidence of Trustee (Genoa) is rebuilt and verified', async () => {
  const input = snpInput({ technology: 'snp', evidence: genoa(), documents: {} })
  const verdict = verifySnp(input, { reportData: bound(), at: new Date('2026-06-01') })
  expect(failed(verdict)).toEqual([])
  expect(factsJson(verdict)).toMatchObject({ line: 'Genoa', version: 3, tcb: { reported: { fmc: null, snp: 23 } } })
  expect(verdict.machine).toMatch(/^snp:b34cb907[0-9a-f]{56}:371c55d6[0-9a-f]{120}$/)
})

withPeers(['vectors:tee'], 'each value of Trustee’s evidence counts', async () => {
  const verdictOf = (evidence: JsonObject): string =>
    snp.verify(
      { technology: 'snp', evidence, documents: {} },
      bound(),
      contextAt('2026-06-01', { snp: { requireCrl: false } }),
    ).status
  expect(verdictOf(genoa())).toBe('verified')
  const names = Object.keys((genoa() as { attestation_report: JsonObject }).attestation_report)
  for (const name of names) {
    const evidence = genoa() as { attestation_report: Record<string, unknown> }
    evidence.attestation_report[name] = changed(evidence.attestation_report[name])
    expect(verdictOf(evidence as unknown as JsonObject)).toBe('refused')
    const without = genoa() as { attestation_report: Record<string, unknown> }
    delete without.attestation_report[name]
    expect(verdictOf(without as unknown as JsonObject)).toBe('refused')
  }
  expect(verdictOf({ ...genoa(), foreign: 1 })).toBe('refused')
  expect(verdictOf({ ...genoa(), cert_chain: null })).toBe('refused')
})

/** Another value of the same kind. */
function changed(value: unknown): unknown {
  if (typeof value === 'number') return value ^ 1
  if (Array.isArray(value)) return [changed(value[0]), ...(value.slice(1) as unknown[])]
  const entries = Object.entries(value as Record<string, unknown>)
  const last = entries.at(-1)
  return Object.fromEntries(entries.map(([name, one]) => [name, name === last?.[0] ? changed(one) : one]))
}

withPeers(['vectors:tee'], 'kept raw bytes must be those of the evidence', async () => {
  const raw = snpInput({ technology: 'snp', evidence: genoa(), documents: {} }).report
  const other = Buffer.from(raw)
  other[0x90] = (other[0x90] ?? 0) ^ 1
  const statusWith = (outblob: Uint8Array) =>
    snp.verify(
      { technology: 'snp', evidence: genoa(), documents: { 'tsm-outblob': Buffer.from(outblob).toString('base64') } },
      bound(),
      contextAt('2026-06-01', { snp: { requireCrl: false } }),
    ).status
  expect([statusWith(raw), statusWith(other)]).toEqual(['verified', 'refused'])
})

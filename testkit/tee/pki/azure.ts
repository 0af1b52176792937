import { hash } from 'node:crypto'
import { syntheticSnp } from './snp.ts'

/** What can be wrong in an HCL report. */
export interface HclChange {
  /** Changes the variable data before it is hashed. */
  varData?: (bytes: Buffer) => void
  /** 64 bytes of the hardware report in place of that hash. */
  reportData?: Buffer
  /** Changes the hardware report before it is signed. */
  report?: (report: Buffer) => void
}

/** An HCL report of version 2 (tee.md §1.4) with a synthetic hardware report over its variable data. */
export function hclReport(
  kind: 'snp' | 'tdx',
  key: { n: string; e: string },
  userData: Buffer | null,
  change: HclChange = {},
): Buffer {
  const varData = Buffer.from(
    JSON.stringify({
      keys: [{ kid: 'HCLAkPub', key_ops: ['sign'], kty: 'RSA', e: key.e, n: key.n }],
      'vm-configuration': { 'secure-boot': true, 'tpm-enabled': true },
      ...(userData === null ? {} : { 'user-data': userData.toString('hex').toUpperCase() }),
    }),
  )
  change.varData?.(varData)
  const reportData = change.reportData ?? Buffer.concat([hash('sha256', varData, 'buffer'), Buffer.alloc(32)])
  const field = Buffer.alloc(1184)
  if (kind === 'snp') {
    syntheticSnp({
      line: 'Milan',
      change: (report) => (change.report?.(report), reportData.copy(report, 0x50)),
    }).report.copy(field)
  } else {
    reportData.copy(field, 128)
  }
  const header = Buffer.alloc(32)
  header.write('HCLA', 0, 'latin1')
  header.writeUInt32LE(2, 4)
  header.writeUInt32LE(1236 + varData.length, 8)
  header.writeUInt32LE(2, 12)
  const runtime = Buffer.alloc(20)
  const values = [varData.length + 20, 1, kind === 'snp' ? 2 : 4, 1, varData.length]
  for (const [n, value] of values.entries()) runtime.writeUInt32LE(value, n * 4)
  return Buffer.concat([header, field, runtime, varData])
}

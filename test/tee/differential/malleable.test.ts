import { verifySnp } from '../../../src/tee/verify/snp/verify-snp.ts'
import { syntheticSnp, syntheticTrust } from '../../../testkit/tee/pki/snp.ts'
import { failedChecks } from '../../../testkit/tee/synthetic/case.ts'

/** Order of P-384 (SEC 2, §2.5.1). */
const order = BigInt(
  '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
)

test('ECDSA has two signatures for the same bytes: (r, n − s) is accepted, and nothing that is told changes', () => {
  const { report, certificates } = syntheticSnp({ line: 'Milan' })
  const trusted = syntheticTrust()('Milan')
  const judge = (bytes: Buffer) =>
    verifySnp(
      { report: bytes, certificates },
      { reportData: Buffer.alloc(64, 0x42), at: new Date('2026-06-01T00:00:00Z'), trust: () => trusted },
    )
  const s = BigInt(`0x${Buffer.from(report.subarray(0x2e8, 0x318)).reverse().toString('hex')}`)
  const other = Buffer.from(report)
  Buffer.from((order - s).toString(16).padStart(96, '0'), 'hex')
    .reverse()
    .copy(other, 0x2e8)
  expect(other.equals(report)).toBe(false)
  expect(failedChecks(judge(other))).toEqual([])
  expect(judge(other).facts).toEqual(judge(report).facts)
  // The order itself, zero and s + 1 are none.
  for (const wrong of [0n, order, (s + 1n) % order]) {
    Buffer.from(wrong.toString(16).padStart(96, '0'), 'hex').reverse().copy(other, 0x2e8)
    expect(failedChecks(judge(other))).toEqual(['report-signature'])
  }
})

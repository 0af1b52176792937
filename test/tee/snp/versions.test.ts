import { judge } from '../../../src/tee/formats/judge.ts'
import { readEvidence } from '../../../src/tee/formats/read.ts'
import { wishesOf } from '../../../src/tee/collateral/wishes.ts'
import { showSnp } from '../../../src/tee/show/snp.ts'
import { noCollateral } from '../../../src/tee/verify/verifier.ts'
import { verifySnp } from '../../../src/tee/verify/snp/verify-snp.ts'
import { syntheticSnp, syntheticTrust, syntheticCrl } from '../../../testkit/tee/pki/snp.ts'
import { put } from '../../../testkit/tee/synthetic/faults-snp.ts'
import type { SyntheticOptions } from '../../../testkit/tee/pki/snp.ts'

const reportData = Buffer.alloc(64, 0x42)
const at = new Date('2026-06-01T00:00:00Z')

function verdict(options: SyntheticOptions, acceptNewVersion = false) {
  const policy = { acceptNewVersion }
  return verifySnp(syntheticSnp(options), { reportData, at, policy, trust: syntheticTrust(options.kind) })
}
const failed = (options: SyntheticOptions, accept = false): string[] =>
  verdict(options, accept).checks.flatMap(({ name, ok, why }) => (ok ? [] : [`${name}: ${why}`]))

test('PLATFORM_INFO 0x65 of Turin: bit 6 is IOMMU_WRITE_SAFE', () => {
  const found = verdict({ line: 'Turin', version: 5, change: put(0x40, 0x65) })
  expect(found.status).toBe('verified')
  expect(found.facts?.platform).toMatchObject({ value: '0x65', iommuWriteSafe: true, tioEnabled: false })
  const { report } = syntheticSnp({ line: 'Turin', version: 5, change: put(0x40, 0x65) })
  expect(JSON.stringify(showSnp(report))).toContain('IOMMU write safe')
})

test.each([0x100n, 0x8000n, 1n << 63n])('any higher bit is still reserved: 0x%s', (bits) => {
  const change = (report: Buffer): void => void report.writeBigUInt64LE(0x65n | bits, 0x40)
  expect(failed({ line: 'Turin', version: 5, change })[0]).toContain('reserved bits in its platform information')
})

test.each(['Milan', 'Genoa', 'Turin'] as const)('version 6 on %s needs its accept line', (line) => {
  expect(failed({ line, version: 6 })).toEqual([
    'report-version: version 6 (ABI 1.59) is read by the published layout; versions up to 5 were checked on genuine reports',
  ])
  expect(failed({ line, version: 6 }, true)).toEqual([])
})

test.each([7, 8, 31])('version %i is refused with what to do, accepted or not', (version) => {
  const change = (report: Buffer): void => void report.writeUInt32LE(version, 0)
  expect(failed({ line: 'Turin', version: 5, change }, true)).toEqual([
    `form: the SNP report is of version ${version}; known versions: 2, 3, 5, 6. Update sealwright, at byte 0`,
  ])
  // Known as an SNP report, though its layout is not.
  const read = readEvidence(syntheticSnp({ line: 'Turin', version: 5, change }).report, 'auto', 'file')
  const context = { at, collateral: noCollateral, rules: {} }
  const judged = judge(read, { expected: null, accept: new Set(), context, selection: null })
  expect(JSON.stringify(judged.checks)).toContain('Update sealwright')
})

test.each([0x50, 0x57, 0x90, 0xa0, 0xaf, 0xc0, 0xc7])('Venice (model 0x%s) is named, not taken for Turin', (model) => {
  const options = { line: 'Turin', version: 5, change: put(0x188, 0x1a, model) } as const
  expect(failed(options)).toEqual([expect.stringContaining('is Venice, the line after Turin') as string])
  const { evidence } = readEvidence(syntheticSnp(options).report, 'auto', 'file') as never
  expect(() => wishesOf(evidence, null)).toThrow('is Venice, the line after Turin')
})

test.each([0x12, 0x58, 0xb0, 0xc8])('an unknown model 0x%s is not called Venice', (model) => {
  const [why] = failed({ line: 'Turin', version: 5, change: put(0x188, 0x1a, model) })
  expect(why).toContain('is unknown here; known lines: Milan, Genoa, Turin')
})

test('a revocation list counts only for the authority that issued it', () => {
  const { report, certificates } = syntheticSnp({ line: 'Milan', kind: 'vlek' })
  const run = (crl: Buffer) =>
    verifySnp({ report, certificates, crl }, { reportData, at, trust: syntheticTrust('vlek') }).checks.filter(
      ({ ok }) => !ok,
    )
  expect(run(syntheticCrl('Milan'))).toEqual([])
  expect(run(syntheticCrl('Milan', { issuer: 'SEV-VLEK-Milan' })).map(({ name }) => name)).toContain('crl-issuer')
  expect(run(syntheticCrl('Genoa')).map(({ name }) => name)).toContain('crl-issuer')
})

import type { SnpLine } from '../../../src/tee/verify/snp/amd-authorities.ts'
import type { SnpPolicy } from '../../../src/tee/verify/snp/policy.ts'
import { verifySnp } from '../../../src/tee/verify/snp/verify-snp.ts'
import {
  at,
  good,
  put,
  reportData,
  snpExtensionFaults,
  snpFaults,
  snpFormFaults,
  verdictOf,
  type More,
} from '../../../testkit/tee/synthetic/faults-snp.ts'
import {
  milanChip,
  syntheticCrl,
  syntheticSnp,
  syntheticTrust,
  turinChip,
  type SyntheticOptions,
} from '../../../testkit/tee/pki/snp.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

// Synthetic: no report, key or list here was ever made by AMD.

function failures(options: SyntheticOptions, more: More = {}): string[] {
  return verdictOf(options, more)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name)
}

const lines: SnpLine[] = ['Milan', 'Genoa', 'Turin']
for (const line of lines) {
  for (const version of [2, 3, 5] as const) {
    for (const kind of ['vcek', 'vlek'] as const) {
      test(`${line}, version ${version}, ${kind}: verified`, () => {
        const verdict = verdictOf({ line, version, kind })
        expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
        expect(factsJson(verdict)).toMatchObject({
          line,
          version,
          keyKind: kind,
          tcb: { reported: { snp: 4, microcode: 9 } },
        })
      })
    }
  }
}

test('Turin has an FMC and a chip id of eight bytes', () => {
  const { facts } = verdictOf({ line: 'Turin', version: 5 })
  expect(facts).toMatchObject({
    tcb: { reported: { fmc: 1, bootloader: 2, tee: 3 } },
    chipId: turinChip.toString('hex') + '00'.repeat(56),
    mitigations: { launch: '0x7', current: '0x3' },
  })
})

test('a masked chip id is said so, and the signature must do', () => {
  const { status, machine } = verdictOf({ line: 'Milan', change: (report) => report.fill(0, 0x1a0, 0x1e0) })
  expect([status, machine]).toEqual(['verified', `snp:${'00'.repeat(32)}:masked`])
})

test('an older hardware id without OCTET STRING is read', () => {
  expect(failures({ line: 'Milan', extensions: { 4: milanChip } })).toEqual([])
})

test.each(snpFaults)('%s', (_, expected, options, more) => {
  expect(failures({ ...good, ...options }, more)).toEqual(expected)
})

test('a good list is checked and passes', () => {
  const crl = syntheticCrl('Turin', { revoked: [0x30002] })
  expect(failures(good, { crl, policy: { requireCrl: true } })).toEqual([])
})

test('a policy that fits is met', () => {
  const policy: SnpPolicy = {
    minimumTcb: { Turin: { fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 9 } },
    minimumAbi: { major: 0, minor: 31 },
    mitigations: 0b011n,
    measurements: ['00'.repeat(48), '4d'.repeat(48)],
    committedFirmware: true,
    aliasCheck: true,
  }
  expect(failures(good, { policy })).toEqual([])
})

test.each(snpFormFaults)('%s is refused by form, however well signed', (_, offset, bytes) => {
  expect(failures({ ...good, change: put(offset, ...bytes) })).toEqual(['form'])
})

test('a report without a signer is refused', () => {
  expect(failures({ ...good, change: put(0x48, 0x1c) })).toEqual(['key-certificate'])
})

test('a report of a VLEK with the certificate of a VCEK is refused', () => {
  expect(failures({ ...good, change: put(0x48, 0x04) })).toEqual(['key-certificate'])
})

test.each(snpExtensionFaults)('a key certificate with %s is refused', (_, line, kind, extensions) => {
  expect(failures({ line, kind, extensions })).toEqual(['form'])
})

test('no single bit of a version 5 report can be changed', () => {
  const { report, certificates } = syntheticSnp(good)
  const trusted = syntheticTrust()('Turin')
  const trust = () => trusted
  for (let bit = 0; bit < report.length * 8; bit += 11) {
    const copy = Buffer.from(report)
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(verifySnp({ report: copy, certificates }, { reportData, at, trust }).status).toBe('refused')
  }
})

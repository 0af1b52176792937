import type { SnpLine } from '../../../src/tee/verify/snp/amd-authorities.ts'
import type { SnpPolicy } from '../../../src/tee/verify/snp/policy.ts'
import { verifySnp } from '../../../src/tee/verify/snp/verify-snp.ts'
import type { TeeVerdict } from '../../../src/tee/types.ts'
import type { CertificateOptions } from '../pki/pki.ts'
import { der, integer, octets } from '../../../src/encoding/der-write.ts'
import {
  milanChip,
  strangerKey,
  syntheticCrl,
  syntheticSnp,
  syntheticTrust,
  turinChip,
  type SyntheticOptions,
} from '../pki/snp.ts'

// Synthetic: no report, key or list here was ever made by AMD.
export const at = new Date('2026-06-01T00:00:00Z')
export const reportData = Buffer.alloc(64, 0x42)

export interface More {
  policy?: SnpPolicy
  crl?: Buffer
  issuer?: Partial<CertificateOptions>
  ark?: Partial<CertificateOptions>
}

export function verdictOf(options: SyntheticOptions, { policy, crl, issuer, ark }: More = {}): TeeVerdict {
  const trust = syntheticTrust(options.kind, issuer, ark)
  return verifySnp({ ...syntheticSnp(options), crl }, { reportData, at, policy, trust })
}

export const good = { line: 'Turin', version: 5 } as const
/** Writes bytes into a report before it is signed. */
export const put =
  (offset: number, ...bytes: number[]) =>
  (report: Buffer): void => {
    report.set(bytes, offset)
  }

/** Each fault of a synthetic SNP report, its authorities or what is asked of it, with the steps that refuse it. */
export const snpFaults: readonly [what: string, steps: string[], options: Partial<SyntheticOptions>, more: More][] = [
  ['signed by another key', ['report-signature'], { by: strangerKey }, {}],
  ['another chip', ['chip'], { change: put(0x1a0, 0xff) }, {}],
  ['bytes behind the chip id of Turin', ['chip'], { change: put(0x1df, 1) }, {}],
  ['a processor of another line', ['line'], { change: put(0x188, 0x19, 0x11) }, {}],
  ['an unknown processor', ['line'], { change: put(0x188, 0x1a, 0x12) }, {}],
  ['reported microcode other than in the certificate', ['tcb-certificate'], { change: put(0x187, 8) }, {}],
  ['reported FMC other than in the certificate', ['tcb-certificate'], { change: put(0x180, 0) }, {}],
  ['current below reported', ['tcb-order'], { change: put(0x3f, 8) }, {}],
  ['committed above current', ['tcb-order'], { change: put(0x1e7, 10) }, {}],
  ['debugging allowed', ['policy-debug'], { change: put(0x0a, 0x0b) }, {}],
  ['a migration agent allowed', ['policy-migration-agent'], { change: put(0x0a, 0x07) }, {}],
  ['a version that no genuine report had shown', ['report-version'], { version: 6 }, {}],
  ['VMPL 1', ['vmpl'], { change: put(0x30, 1) }, {}],
  ['VMPL 0 where 1 is wanted', ['vmpl'], {}, { policy: { vmpl: 1 } }],
  ['SMT where it is not wanted', ['policy-smt'], {}, { policy: { acceptSmt: false } }],
  ['more than one socket', ['policy-single-socket'], {}, { policy: { singleSocket: true } }],
  ['a lower ABI than wanted', ['policy-abi'], {}, { policy: { minimumAbi: { major: 0, minor: 32 } } }],
  ['a line that is not wanted', ['line-allowed'], {}, { policy: { lines: ['Milan', 'Genoa'] } }],
  ['no minimum TCB for the line', ['tcb-minimum'], {}, { policy: { minimumTcb: {} } }],
  [
    'below the minimum TCB in one part',
    ['tcb-minimum'],
    {},
    { policy: { minimumTcb: { Turin: { fmc: 2, bootloader: 0, tee: 0, snp: 0, microcode: 0 } } } },
  ],
  [
    'firmware that is not committed',
    ['firmware-committed'],
    { change: put(0x1ec, 39) },
    { policy: { committedFirmware: true } },
  ],
  ['no alias check', ['alias-check'], { change: put(0x40, 0x05) }, { policy: { aliasCheck: true } }],
  ['a mitigation that is off now', ['mitigations'], {}, { policy: { mitigations: 0b100n } }],
  ['no mitigations in version 3', ['mitigations'], { version: 3 }, { policy: { mitigations: 1n } }],
  ['another measurement', ['measurement'], {}, { policy: { measurements: ['00'.repeat(48)] } }],
  ['another host data', ['host-data'], {}, { policy: { hostData: '01'.repeat(32) } }],
  ['another ID key', ['id-key'], {}, { policy: { idKeyDigests: ['01'.repeat(48)] } }],
  [
    'an author key digest without an author key',
    ['author-key'],
    {},
    { policy: { authorKeyDigests: ['00'.repeat(48)] } },
  ],
  ['a chip that is not listed', ['chip-allowed'], {}, { policy: { chips: ['01'.repeat(64)] } }],
  ['an expired key certificate', ['chain-validity'], { certificate: { to: new Date('2026-05-31') } }, {}],
  ['a key certificate not yet valid', ['chain-validity'], { certificate: { from: new Date('2026-06-02') } }, {}],
  ['an expired ASK', ['chain-validity'], {}, { issuer: { to: new Date('2026-05-31') } }],
  ['an ASK that is no authority', ['chain-authorities'], {}, { issuer: { ca: undefined as never } }],
  ['a key certificate by another key', ['chain-signatures'], { certificate: { by: strangerKey } }, {}],
  ['a list asked for and not there', ['crl'], {}, { policy: { requireCrl: true } }],
  ['a revoked ASK', ['crl-revoked'], {}, { crl: syntheticCrl('Turin', { revoked: [0x30001] }) }],
  ['an old list', ['crl-window'], {}, { crl: syntheticCrl('Turin', { nextUpdate: new Date('2026-05-31') }) }],
  ['a list by another key', ['crl-signature'], {}, { crl: syntheticCrl('Turin', { by: strangerKey }) }],
  ['a list of another line', ['crl-issuer', 'crl-revoked'], {}, { crl: syntheticCrl('Milan') }],
  ['a broken list', ['form'], {}, { crl: syntheticCrl('Turin').subarray(1) }],
]

/** Faults of a report's form, well signed: what, where, which bytes. */
export const snpFormFaults: readonly [what: string, offset: number, bytes: number[]][] = [
  ['an unknown version', 0, [4]],
  ['a reserved policy bit', 0x0b, [0x04]],
  ['policy bit 17 clear', 0x0a, [0x01]],
  ['VMPL 4', 0x30, [4]],
  ['another signature algorithm', 0x34, [2]],
  ['a reserved platform bit', 0x41, [0x01]],
  ['an unknown signer', 0x48, [0x08]],
  ['reserved key information', 0x48, [0x20]],
  ['a reserved word', 0x4c, [1]],
  ['a byte behind the CPUID', 0x18b, [1]],
  ['a byte behind the firmware version', 0x1eb, [1]],
  ['a byte behind the committed firmware version', 0x1ef, [1]],
  ['a byte behind the mitigation vectors', 0x208, [1]],
  ['a reserved byte of a TCB', 0x184, [1]],
  ['a signature wider than P-384', 0x2a0 + 48, [1]],
  ['a byte behind the signature', 0x330, [1]],
]

/** Faults of a key certificate's own extensions. */
export const snpExtensionFaults: readonly [
  what: string,
  line: SnpLine,
  kind: 'vcek' | 'vlek',
  extensions: Record<string, Uint8Array | null>,
][] = [
  ['no hardware id', 'Turin', 'vcek', { 4: null }],
  ['a hardware id of another length', 'Turin', 'vcek', { 4: octets(milanChip) }],
  ['a VLEK with a hardware id', 'Turin', 'vlek', { 4: turinChip }],
  ['a VLEK without a provider', 'Turin', 'vlek', { 5: null }],
  ['no FMC on Turin', 'Turin', 'vcek', { 3.9: null }],
  ['an FMC on Milan', 'Milan', 'vcek', { 3.9: integer(1) }],
  ['the structure of Milan on Turin', 'Turin', 'vcek', { 1: integer(0) }],
  ['another product', 'Turin', 'vcek', { 2: der(0x16, Buffer.from('Genoa')) }],
  ['a TCB part above a byte', 'Turin', 'vcek', { 3.8: integer(256) }],
  ['a TCB part that is no integer', 'Turin', 'vcek', { 3.8: octets(Buffer.from([9])) }],
]

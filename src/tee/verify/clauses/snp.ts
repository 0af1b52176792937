import { prefixed, type ClauseTable } from './table.ts'
import { chainClauses, crlClauses } from './x509.ts'

const abi = 'AMD 56860 (SEV-SNP ABI)'
const kds = 'AMD 57230 (VCEK and KDS)'

export const snpClauses: ClauseTable = {
  'evidence-form': [
    'coco.md §7.2',
    "The evidence has the form of Trustee's SNP attester, and says the same as the raw report beside it.",
  ],
  form: [
    `${abi} §7.3; ${kds} §3`,
    'Report, certificates and lists can be read; the first thing that cannot ends the verification.',
  ],
  'report-form': [`${abi} §7.3`, 'Exactly 1184 bytes of version 2, 3, 5 or 6; every reserved bit is zero.'],
  'report-version': [
    `${abi} §7.3, VERSION`,
    'The version is one of which genuine reports were checked (5 at most), unless a newer one is accepted by name.',
  ],
  'key-certificate': [
    `${abi} §7.3, SIGNING_KEY`,
    'There is exactly one certificate of the kind of key that the report names.',
  ],
  line: [
    `${kds} §2.2; ${abi} §7.3, CPUID_FAM_ID`,
    "The product line of the certificate is that of the report's CPUID.",
  ],
  'given-authorities': [
    `${kds}, cert_chain`,
    'Authorities that came with the evidence are the known ones of the line.',
  ],
  'issuer-pinned': [`${kds}, cert_chain`, 'The ASK or ASVK is the one that this package pins.'],
  ...prefixed('chain-', omit(chainClauses, 'root-pinned')),
  'root-pinned': chainClauses['root-pinned'] ?? ['', ''],
  ...prefixed('crl-', crlClauses),
  crl: [`${kds}, CRL`, "Where the policy demands it, a revocation list of AMD's is there."],
  chip: [
    `${kds} §3, HWID; ${abi} §7.3, CHIP_ID`,
    'The hardware id of the certificate is the chip id, unless that is masked or the key is a VLEK.',
  ],
  'tcb-certificate': [
    `${kds} §3; ${abi} §7.3, REPORTED_TCB`,
    'Each part of the TCB in the certificate is that of the reported TCB.',
  ],
  'tcb-order': [
    `${abi} §7.3, CURRENT_TCB, COMMITTED_TCB`,
    'Neither reported nor committed TCB is above the current one, part by part.',
  ],
  'report-signature': [
    `${abi} §7.3, SIGNATURE`,
    'ECDSA P-384 with SHA-384 over bytes 0 to 0x29f by the key of the certificate.',
  ],
  'report-data': [`${abi} §7.3, REPORT_DATA; TRUST §2`, 'The report data is the expected value, then zeros.'],
  'policy-debug': [`${abi} §4.3, bit 19`, 'The guest policy forbids debugging.'],
  'policy-migration-agent': [`${abi} §4.3, bit 18`, 'The guest policy forbids a migration agent.'],
  'policy-smt': [`${abi} §4.3, bit 16`, 'SMT is forbidden, where the policy demands that.'],
  'policy-single-socket': [`${abi} §4.3, bit 20`, 'The guest runs on one socket, where the policy demands that.'],
  'policy-abi': [`${abi} §4.3, bits 0 to 15`, 'The guest demands at least the ABI version that the policy names.'],
  vmpl: [`${abi} §7.3, VMPL`, 'The report was asked for at just the wanted level.'],
  'line-allowed': ['TRUST §6', 'The product line is one that the policy names.'],
  'tcb-minimum': [
    `${abi} §7.3, REPORTED_TCB; TRUST §6`,
    'No part of the reported TCB is below the minimum for the line.',
  ],
  'firmware-committed': [
    `${abi} §7.3, COMMITTED_TCB`,
    'The firmware in use is the committed one, where the policy demands that.',
  ],
  'alias-check': [
    `${abi} §7.3, PLATFORM_INFO bit 5; AMD-SB-3015`,
    'The firmware looked for aliased memory, where the policy demands that.',
  ],
  mitigations: [
    `${abi} §7.3, LAUNCH_MIT_VECTOR, CURRENT_MIT_VECTOR`,
    'The demanded mitigations were on at launch and are on now.',
  ],
  measurement: [`${abi} §7.3, MEASUREMENT; TRUST §6`, 'The launch digest is one that the policy names.'],
  'host-data': [`${abi} §7.3, HOST_DATA`, 'The host data is what the policy names.'],
  'id-key': [`${abi} §7.3, ID_KEY_DIGEST`, 'The key of the ID block is one that the policy names.'],
  'author-key': [`${abi} §7.3, AUTHOR_KEY_DIGEST`, 'The author key is one that the policy names, and was used.'],
  'chip-allowed': [`${abi} §7.3, CHIP_ID; TRUST §6`, 'The chip is on the allow-list of the policy.'],
}

function omit(table: ClauseTable, name: string): ClauseTable {
  return Object.fromEntries(Object.entries(table).filter(([key]) => key !== name))
}

import { prefixed, type ClauseTable } from './table.ts'
import { chainClauses, crlClauses } from './x509.ts'

const qvl = 'Intel QVL'
const dcap = 'Intel DCAP (TDX)'
const profile = 'Intel PCK profile'

const signedBy = (what: string): ClauseTable => ({
  '-signer-format': ['RFC 5280 §4.1', `The certificates of the signer of the ${what} can be read.`],
  '-signer-profile': [profile, 'They are called "Intel SGX TCB Signing" and "Intel SGX Root CA".'],
  ...prefixed('-signer-', chainClauses),
  ...prefixed('-signer-crl-', crlClauses),
  '-signature': [
    'Intel PCS API v4, signature',
    `The exact text of the ${what} is signed by Intel's TCB signer, and is of the right kind and version.`,
  ],
  '-window': ['Intel PCS API v4, issueDate, nextUpdate', 'The asked time is between issueDate and nextUpdate.'],
  '-evaluation': [
    'PCS API v4, tcbEvaluationDataNumber',
    'The evaluation number is not below the one that the policy names.',
  ],
})

export const tdxClauses: ClauseTable = {
  'evidence-form': [
    'coco.md §7.2',
    "The evidence has the form of Trustee's TDX attester, and the raw quote beside it is the same.",
  ],
  'quote-format': [`${dcap} A.3, A.4`, 'A quote of version 4 or 5 of a TD by ECDSA P-256; reserved bytes are zero.'],
  'pck-format': ['RFC 5280 §4.1', 'The certificates in the quote can be read.'],
  'pck-profile': [
    `${qvl} 4.1.2.4.4; ${profile}`,
    'They are called PCK Certificate, PCK Platform or Processor CA, and Root CA.',
  ],
  ...prefixed('pck-', chainClauses),
  'pck-extension': [`${profile} §1.3.5`, 'The SGX extension names PPID, FMSPC, PCEID and the SVNs, each once.'],
  collateral: [`${qvl} 4.1.2.4`, 'TCB info, QE identity and both revocation lists for the platform are there.'],
  'root-crl-format': ['RFC 5280 §5.1', "The list of Intel's root can be read; an empty or broken one is refused."],
  'pck-crl-format': ['RFC 5280 §5.1', 'The list of the PCK CA can be read; an empty or broken one is refused.'],
  ...prefixed('root-crl-', crlClauses),
  ...prefixed('pck-crl-', crlClauses),
  ...prefixed('tcb-info', signedBy('TCB info')),
  ...prefixed('qe-identity', signedBy('QE identity')),
  'qe-report-signature': [`${qvl} 4.1.2.4.12; ${dcap} A.3.11`, 'The PCK signed the report of the quoting enclave.'],
  'qe-report-data': [
    `${qvl} 4.1.2.4.13`,
    'The enclave vouches for this attestation key: SHA-256 of key and authentication data, then zeros.',
  ],
  'qe-identity': [
    `${qvl} 4.1.2.4.14, 4.1.2.4.15`,
    "MRSIGNER, product, MISCSELECT and attributes are those of Intel's quoting enclave.",
  ],
  'quote-signature': [`${qvl} 4.1.2.4.16; ${dcap} A.3.8`, 'The attestation key signed header and body.'],
  fmspc: [`${qvl} 4.1.2.4.10`, 'FMSPC and PCEID of the PCK certificate are those of the TCB info.'],
  'tdx-module': [
    `${qvl} 4.1.2.4.11`,
    'The signer and attributes of the TDX module are those that Intel lists for its version.',
  ],
  'tcb-level': [`${qvl} 4.1.2.4.17`, 'Platform, module and quoting enclave each reach a level that Intel lists.'],
  'tcb-status': [`${qvl} 4.1.2.4.17; TRUST §6`, 'The status of all three together is one that the policy accepts.'],
  'td-debug': ['Intel TDX Module ABI, ATTRIBUTES bits 0 to 7', 'No bit of the debug group is set.'],
  'td-reserved': ['Intel TDX Module ABI, ATTRIBUTES', 'No attribute bit without a meaning is set.'],
  'td-sept-ve-disable': [
    'Intel TDX Module ABI, ATTRIBUTES bit 28',
    'Memory that the host takes away cannot be taken unseen.',
  ],
  xfam: ['Intel TDX Module ABI, XFAM', 'The extended features are those that the policy names.'],
  'mr-seam': [`${dcap} A.3, MRSEAM; TRUST §6`, 'The TDX module is one that the policy names.'],
  'td-migratable': ['Intel TDX Module ABI, ATTRIBUTES bit 29', 'The TD stays on its machine.'],
  'trailing-bytes': [`${dcap} A.3`, 'Bytes behind the quote, which nobody signed, are all zero.'],
  'report-data': [`${dcap} A.3, REPORTDATA; TRUST §2`, 'The report data is the expected value, then zeros.'],
  'event-log': ['TCG PFP §10.2; Intel VF spec (CCEL)', 'The event log can be read and has SHA-384 digests.'],
  'event-log-digests': ['TCG PFP §10.2', 'Each event has a digest of SHA-384.'],
  'replay *': [
    'TCG PFP §10.4; TDX Module ABI, TDG.MR.RTMR.EXTEND',
    'The log leads to the register that the quote names.',
  ],
  register: ['coco.md §7.3; TRUST §5', "The agent's records can be read and lead to the register."],
}

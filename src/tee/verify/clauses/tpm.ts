import type { ClauseTable } from './table.ts'

const part = (n: number, section: string): string => `TPM 2.0 Part ${n} §${section}`

/** Steps of one quote, shared by plain TPMs and Azure's vTPM. */
export const quoteClauses: ClauseTable = {
  'ak-strength': ['tee.md §6.2', 'The attestation key is RSA from 2,048 bits or of a NIST curve.'],
  TPMS_ATTEST: [
    part(2, '10.12.12'),
    'The message begins with TPM_GENERATED_VALUE, is a quote, and has nothing beside its fields.',
  ],
  TPMT_SIGNATURE: [part(2, '11.3.4'), 'The signature is RSASSA, RSAPSS or ECDSA, with SHA-256, SHA-384 or SHA-512.'],
  signature: [part(3, '18.4'), 'The attestation key signed the message.'],
  'qualifying-data': [`${part(2, '10.12.12')}, extraData; TRUST §2`, 'extraData is the expected value, whole.'],
  'pcr-selection': [part(2, '10.12.8'), 'Just the wanted PCRs of the wanted banks were quoted, no more and no fewer.'],
  'pcr-digest': [part(3, '18.4'), 'The given values, by bank and index, hash to the quoted digest.'],
  'event-log': ['TCG PFP §10.2', 'The event log can be read and has SHA-256 digests.'],
  'replay PCR *': ['TCG PFP §10.4', 'The event log leads to the quoted value.'],
  'ima-log': ['Linux IMA, ima-ng and ima-sig templates', 'The measurement list can be read.'],
  'replay IMA': ['Linux IMA, PCR 10', 'The measurement list leads to the quoted PCR 10.'],
  register: ['coco.md §7.3; TRUST §5', "The agent's records can be read and lead to the register."],
}

export const tpmClauses: ClauseTable = {
  technology: ['TRUST §5', 'The evidence is of this technology.'],
  form: ['coco.md §7.2', "The evidence has the form of Trustee's TPM attester."],
  'ak-trust': [
    'TRUST §4; tee.md §6.2 (1)',
    'Somebody whom the policy names vouches for the attestation key, or a software TPM is accepted by name.',
  ],
  ...quoteClauses,
  'ek-certificate*': [
    'TCG EK Credential Profile §3; RFC 5280 §6.1',
    'A chain of the TPM maker reaches the endorsement key.',
  ],
  'ak-certificate*': ['tee.md §6.2 (1); RFC 5280 §6.1', 'A chain of the TPM maker reaches the attestation key itself.'],
  'ak-activation': ['tee.md §6.2 (1)', 'A pinned registrar signed the record of a credential activation.'],
  'ak-activation-keys': [
    'TPM 2.0 Part 1 §24',
    'The record ties this attestation key, by its Name, to the endorsement key of the certificate.',
  ],
  'ak-public': [part(2, '12.2.4'), 'The TPMT_PUBLIC beside the quote can be read.'],
  'ak-same': [part(2, '12.2.4'), 'It is the public area of the very key that signed.'],
  'ak-attributes': [part(2, '8.3'), 'The key was made in the TPM, never leaves it, is restricted, and only signs.'],
}

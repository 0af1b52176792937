import type { ClauseTable } from './table.ts'

/** Steps of one chain (src/encoding/x509/chain.ts), without the prefix that its user gives them. */
export const chainClauses: ClauseTable = {
  length: ['RFC 5280 §6.1', 'The chain has two to five certificates.'],
  'root-pinned': ['RFC 5280 §6.1.1 (d)', 'The root is one whose SHA-256 this package pins; evidence brings none.'],
  names: ['RFC 5280 §6.1.3 (a)(4)', 'Each issuer name is, byte for byte, the subject name of the next certificate.'],
  signatures: ['RFC 5280 §6.1.3 (a)(1)', 'Each certificate is signed by the key of the next, the root by its own.'],
  authorities: ['RFC 5280 §6.1.4 (k), (n)', 'Each issuer is a CA and may sign certificates.'],
  leaf: ['RFC 5280 §4.2.1.9', 'The first certificate is no CA.'],
  'path-length': ['RFC 5280 §6.1.4 (m)', 'No issuer stands above more authorities than its limit.'],
  validity: ['RFC 5280 §6.1.3 (a)(2)', 'The asked time is inside the validity of each certificate.'],
  'critical-extensions': ['RFC 5280 §6.1.5 (f)', 'No certificate has a critical extension that is not understood.'],
}

/** Steps of one revocation list (src/encoding/x509/crl.ts), without a prefix. */
export const crlClauses: ClauseTable = {
  issuer: ['RFC 5280 §6.3.3 (b), (f)', 'The list is by the issuer it is used for, who may sign lists.'],
  signature: ['RFC 5280 §6.3.3 (g)', 'The list is signed by the issuer.'],
  window: ['RFC 5280 §5.1.2.4, §5.1.2.5', 'The asked time is between thisUpdate and nextUpdate.'],
  revoked: ['RFC 5280 §6.3.3 (i)', 'The serial number of the certificate is not on the list.'],
}

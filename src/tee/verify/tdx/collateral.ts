import { VerificationError } from '../../../base/errors.ts'
import { isObject, parseJson } from '../../../base/json.ts'
import { readPem, unescapedPem } from '../../../encoding/pem.ts'
import { cutSigned, readSignature, type SignedText } from './signed-json.ts'

/** What Intel says of a platform at a time. Nothing here is checked yet: a quote and a time are needed for that. */
export interface TdxCollateral {
  tcbInfo: SignedText
  /** DER, signer first. */
  tcbInfoChain: Buffer[]
  qeIdentity: SignedText
  qeIdentityChain: Buffer[]
  /** DER lists of the root and of the CA that issued the PCK certificate. The issuer of the latter is taken from the quote's own chain. */
  rootCrl: Buffer
  pckCrl: Buffer
}

const limit = 1 << 20

/**
 * Reads the one-file form of dcap-qvl: `tcb_info`, `tcb_info_signature`, `tcb_info_issuer_chain`, the same of `qe_identity`, and `root_ca_crl`
 * and `pck_crl` in hex.
 *
 * @throws VerificationError `format-invalid` naming the member
 */
export function parseBundle(bytes: Uint8Array, subject = 'collateral'): TdxCollateral {
  if (bytes.length > limit) throw refuse(subject, `is larger than ${limit} bytes`)
  const value = parseJson(Buffer.from(bytes).toString('utf8'), subject)
  if (!isObject(value)) throw refuse(subject, 'is not an object')
  const text = (name: string): string => {
    const member = value[name]
    if (typeof member !== 'string') throw refuse(subject, `lacks ${name}`)
    return member
  }
  const signed = (name: string): SignedText => ({
    bytes: Buffer.from(text(name), 'utf8'),
    signature: readSignature(text(`${name}_signature`), name),
  })
  return {
    tcbInfo: signed('tcb_info'),
    tcbInfoChain: chain(text('tcb_info_issuer_chain'), 'tcb_info_issuer_chain'),
    qeIdentity: signed('qe_identity'),
    qeIdentityChain: chain(text('qe_identity_issuer_chain'), 'qe_identity_issuer_chain'),
    rootCrl: hex(text('root_ca_crl'), 'root_ca_crl'),
    pckCrl: hex(text('pck_crl'), 'pck_crl'),
  }
}

/** Files by kind, as go-tdx-guest and tinfoil name them. */
const kinds = {
  tcbInfo: /tcb_?info/i,
  qeIdentity: /qe_?identity/i,
  rootCrl: /^root.*crl/i,
  pckCrl: /^pck_?crl/i,
  chain: /signing.*chain.*\.pem$/i,
} as const

/**
 * Reads a folder of answers of Intel's service as they came: TCB info and QE identity with their signatures, two lists in DER or PEM, and the
 * chain of the TCB signer, which signs both.
 *
 * @param files content by base name, one of each kind
 * @throws VerificationError `format-invalid` when one is missing, there twice or broken
 */
export function collateralFromFiles(files: Readonly<Record<string, Uint8Array>>): TdxCollateral {
  const find = (kind: keyof typeof kinds): Buffer => {
    const [name, ...more] = Object.keys(files).filter((file) => kinds[kind].test(file))
    const bytes = name === undefined ? undefined : files[name]
    if (bytes === undefined || more.length > 0) throw refuse('collateral', `has not exactly one file of kind ${kind}`)
    if (bytes.length > limit) throw refuse(kind, `is larger than ${limit} bytes`)
    return Buffer.from(bytes)
  }
  const signer = chain(find('chain').toString('latin1'), 'chain of the TCB signer')
  return {
    tcbInfo: cutSigned(find('tcbInfo'), 'tcbInfo', 'TCB info'),
    tcbInfoChain: signer,
    qeIdentity: cutSigned(find('qeIdentity'), 'enclaveIdentity', 'QE identity'),
    qeIdentityChain: signer,
    rootCrl: derOrPem(find('rootCrl'), 'root CRL'),
    pckCrl: derOrPem(find('pckCrl'), 'PCK CRL'),
  }
}

function derOrPem(bytes: Buffer, subject: string): Buffer {
  if (bytes[0] === 0x30) return bytes
  const [block, ...more] = readPem(bytes.toString('latin1'), subject)
  if (block?.label !== 'X509 CRL' || more.length > 0) throw refuse(subject, 'is neither DER nor one PEM list')
  return block.bytes
}

function chain(pem: string, subject: string): Buffer[] {
  const blocks = readPem(unescapedPem(pem, subject), subject)
  if (blocks.length === 0 || blocks.length > 8 || blocks.some(({ label }) => label !== 'CERTIFICATE')) {
    throw refuse(subject, 'is not a chain of certificates')
  }
  return blocks.map(({ bytes }) => bytes)
}

function hex(text: string, subject: string): Buffer {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]+$/.test(text)) throw refuse(subject, 'is not hex')
  return Buffer.from(text, 'hex')
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}

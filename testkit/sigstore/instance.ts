import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { der, oid, sequence } from '../../src/encoding/der-write.ts'
import { readDer } from '../../src/encoding/der.ts'
import { makeAuthority, type TestAuthority } from '../timestamp/authority.ts'
import { keyIds, makeCertificate, makeKey, type KeyPair, type TestExtension } from '../tee/pki/pki.ts'

export const actionsIssuer = 'https://token.actions.githubusercontent.com'
export const workflowSan = 'https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3'
/** When everything is signed, unless a test says another time. */
export const signedAt = new Date('2026-11-01T12:00:00Z')
export const verifiedAt = new Date('2026-11-02T00:00:00Z')

/** A key of a log, with its id. */
export interface TestLog {
  baseUrl: string
  key: KeyPair
  id: Buffer
}

/** A SYNTHETIC Sigstore: authority, certificate log, both kinds of Rekor and a time stamp authority. Keys are made anew and belong to nobody. */
export interface TestSigstore {
  root: Buffer
  intermediate: Buffer
  intermediateKey: KeyPair
  certificateLog: TestLog
  rekor: TestLog
  tiles: TestLog
  tsa: TestAuthority
}

export interface LeafOptions {
  san?: readonly Buffer[] | null
  issuer?: string | null
  /** Extensions below 1.3.6.1.4.1.57264.1, by number. */
  claims?: Readonly<Record<number, string>>
  from?: Date
  to?: Date
  purposes?: readonly string[] | null
  usage?: number
  /** How the certificate timestamp is spoiled, or `none` for a certificate without one. */
  sct?: 'good' | 'none' | 'other-log' | 'other-certificate'
  sctTime?: Date
  key?: KeyPair
  extensions?: readonly TestExtension[]
}

export interface TestLeaf {
  der: Buffer
  key: KeyPair
}

export const codeSigning = '1.3.6.1.5.5.7.3.3'
const fulcioArc = '1.3.6.1.4.1.57264.1.'

export function makeSigstore(name = 'sigstore.test'): TestSigstore {
  const [rootKey, intermediateKey] = [makeKey('P-384'), makeKey('P-384')]
  const ca = { subject: `${name} root`, issuer: `${name} root`, key: rootKey, by: rootKey }
  return {
    root: makeCertificate({ ...ca, ca: { pathLength: 1 }, extensions: keyIds(rootKey, rootKey) }),
    intermediate: makeCertificate({
      subject: `${name} intermediate`,
      issuer: ca.subject,
      key: intermediateKey,
      by: rootKey,
      ca: { pathLength: 0 },
      extensions: [{ oid: '2.5.29.37', value: sequence(oid(codeSigning)) }, ...keyIds(intermediateKey, rootKey)],
    }),
    intermediateKey,
    certificateLog: plainLog(`https://ct.${name}`),
    rekor: plainLog(`https://rekor.${name}`),
    tiles: tileLog(`https://log2026.${name}`),
    tsa: makeAuthority({ name: `tsa.${name}` }),
  }
}

function plainLog(baseUrl: string): TestLog {
  const key = makeKey('P-256')
  return { baseUrl, key, id: createHash('sha256').update(spki(key.publicKey)).digest() }
}

/** A log of Rekor v2, whose name is the bare host of its URL. */
export function tileLog(baseUrl: string): TestLog {
  const key = generateKeyPairSync('ed25519')
  const raw = spki(key.publicKey).subarray(-32)
  const id = createHash('sha256')
    .update(`${new URL(baseUrl).hostname}\n`)
    .update(Buffer.of(1))
    .update(raw)
    .digest()
  return { baseUrl, key, id }
}

export function spki(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' })
}

export const uriName = (text: string): Buffer => der(0x86, Buffer.from(text))
export const emailName = (text: string): Buffer => der(0x81, Buffer.from(text))
export const accountName = (text: string): Buffer =>
  der(0xa0, oid(`${fulcioArc}7`), der(0xa0, der(0x0c, Buffer.from(text))))

/** A certificate as Fulcio issues it; most options make one fault. */
export function makeLeaf(sigstore: TestSigstore, options: LeafOptions = {}): TestLeaf {
  const { san = [uriName(workflowSan)], issuer = actionsIssuer, claims = {}, purposes = [codeSigning] } = options
  const key = options.key ?? makeKey('P-256')
  const utf8 = (text: string): Buffer => der(0x0c, Buffer.from(text))
  const all: Record<number, string> = { ...(issuer === null ? {} : { 8: issuer }), ...claims }
  const extensions: TestExtension[] = [
    ...(purposes === null ? [] : [{ oid: '2.5.29.37', value: sequence(...purposes.map(oid)) }]),
    ...(san === null ? [] : [{ oid: '2.5.29.17', critical: true, value: sequence(...san) }]),
    ...Object.entries(all).map(([number, text]) => ({
      oid: `${fulcioArc}${number}`,
      value: Number(number) < 8 ? Buffer.from(text) : utf8(text),
    })),
    ...(options.extensions ?? []),
  ]
  const make = (more: readonly TestExtension[]): Buffer =>
    makeCertificate({
      subject: '',
      issuer: readName(sigstore.intermediate),
      key,
      by: sigstore.intermediateKey,
      serial: 7,
      from: options.from ?? new Date(signedAt.getTime() - 60_000),
      to: options.to ?? new Date(signedAt.getTime() + 540_000),
      usage: null,
      extensions: [
        { oid: '2.5.29.15', critical: true, value: der(0x03, Buffer.of(7, options.usage ?? 0x80)) },
        ...extensions,
        ...more,
      ],
    })
  const plain = make([])
  if (options.sct === 'none') return { der: plain, key }
  const list = certificateTimestamps(sigstore, plain, options)
  return { der: make([{ oid: '1.3.6.1.4.1.11129.2.4.2', value: der(0x04, list) }]), key }
}

function readName(certificate: Buffer): string {
  const subject = readDer(certificate, 'authority').children[0]?.children[5]
  return subject?.children[0]?.children[0]?.children[1]?.content.toString() ?? ''
}

/** The TLS form of one SCT over a precertificate (RFC 6962 §3.2). */
function certificateTimestamps(sigstore: TestSigstore, plain: Buffer, options: LeafOptions): Buffer {
  const log = options.sct === 'other-log' ? plainLog('https://ct.other.test') : sigstore.certificateLog
  const body = readDer(plain, 'precertificate').children[0]?.bytes ?? Buffer.alloc(0)
  const signed = options.sct === 'other-certificate' ? Buffer.concat([body, Buffer.of(0)]) : body
  const time = milliseconds(options.sctTime ?? signedAt)
  const signature = timestampSignature(log, signed, sigstore.intermediateKey.publicKey, options.sctTime ?? signedAt)
  const stamp = Buffer.concat([Buffer.of(0), log.id, time, Buffer.of(0, 0), signature])
  return sized(sized(stamp, 2), 2)
}

/**
 * What a certificate log signs of a precertificate, as `DigitallySigned` of TLS.
 *
 * @param body the signed part of the certificate, without the extension that makes it a precertificate
 */
export function timestampSignature(log: TestLog, body: Buffer, issuer: KeyObject, at: Date): Buffer {
  const issuerKey = createHash('sha256').update(spki(issuer)).digest()
  const entry = [Buffer.of(0, 1), issuerKey, sized(body, 3), Buffer.of(0, 0)]
  const covered = Buffer.concat([Buffer.of(0, 0), milliseconds(at), ...entry])
  return Buffer.concat([Buffer.of(4, 3), sized(sign('sha256', covered, log.key.privateKey), 2)])
}

function milliseconds(at: Date): Buffer {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(at.getTime()))
  return time
}

function sized(bytes: Buffer, width: number): Buffer {
  const length = Buffer.alloc(width)
  length.writeUIntBE(bytes.length, 0, width)
  return Buffer.concat([length, bytes])
}

export interface RootOptions {
  tlogWindow?: { start?: string; end?: string }
  authorityWindow?: { start?: string; end?: string }
  without?: readonly ('tlogs' | 'certificateAuthorities' | 'ctlogs' | 'timestampAuthorities')[]
}

/** The trusted root of an instance, as JSON text. */
export function trustedRootOf(sigstore: TestSigstore, options: RootOptions = {}): string {
  const window = { start: '2020-01-01T00:00:00Z' }
  const log = ({ baseUrl, key, id }: TestLog, validFor: object = window): object => ({
    baseUrl,
    hashAlgorithm: 'SHA2_256',
    publicKey: {
      rawBytes: spki(key.publicKey).toString('base64'),
      keyDetails: key.publicKey.asymmetricKeyType === 'ed25519' ? 'PKIX_ED25519' : 'PKIX_ECDSA_P256_SHA_256',
      validFor,
    },
    logId: { keyId: id.toString('base64') },
  })
  const chain = (certificates: readonly Buffer[], validFor: object = window): object => ({
    certChain: { certificates: certificates.map((bytes) => ({ rawBytes: bytes.toString('base64') })) },
    validFor,
  })
  const root: Record<string, unknown> = {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [sigstore.rekor, sigstore.tiles].map((item) => log(item, options.tlogWindow ?? window)),
    certificateAuthorities: [chain([sigstore.intermediate, sigstore.root], options.authorityWindow ?? window)],
    ctlogs: [log(sigstore.certificateLog)],
    timestampAuthorities: [chain([sigstore.tsa.leaf, sigstore.tsa.root])],
  }
  for (const name of options.without ?? []) root[name] = []
  return JSON.stringify(root)
}

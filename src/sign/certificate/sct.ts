import { createHash, verify } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { isWithin } from '../../base/window.ts'
import { readDer } from '../../encoding/der.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { DerMembers, derRefusal, readOid, tags } from '../../encoding/x509/der-values.ts'
import type { TrustedLog } from '../trusted-root.ts'

export const timestampListOid = '1.3.6.1.4.1.11129.2.4.2'

/** A signed certificate timestamp (RFC 6962 §3.2): a log's promise to show the certificate to everybody. */
interface CertificateTimestamp {
  logId: Buffer
  /** Milliseconds since 1970. */
  time: bigint
  extensions: Buffer
  /** SHA-256 with RSA (1) or ECDSA (3), by RFC 5246 §7.4.1.4.1. */
  algorithm: 'rsa' | 'ec'
  signature: Buffer
}

const limits = { timestamps: 16, bytes: 1 << 16 } as const

/**
 * The trusted logs that promised to show a certificate, by the timestamps inside it. A timestamp by a log that is not trusted is ignored; one by
 * a trusted log must be good.
 *
 * @param issuer whose key signed the certificate, by a checked chain
 * @param least 0 accepts a certificate without one
 * @throws VerificationError `certificate-invalid` for fewer that count
 */
export function verifyCertificateTimestamps(
  certificate: Certificate,
  issuer: Certificate,
  logs: readonly TrustedLog[],
  least = 1,
): readonly TrustedLog[] {
  const { name, extensions } = certificate
  const refuse = (why: string): VerificationError =>
    new VerificationError('certificate-invalid', `${name} ${why}`, { subject: name })
  const extension = extensions.get(timestampListOid)
  if (extension === undefined && least === 0) return []
  if (extension === undefined) throw refuse('has no signed certificate timestamp: no log promised to show it')
  const signed = precertificate(certificate, issuer)
  const good: TrustedLog[] = []
  for (const stamp of readList(extension.value, name)) {
    const log = logs.find(({ id }) => id.equals(stamp.logId))
    if (log === undefined) continue
    if (
      log.key.asymmetricKeyType !== stamp.algorithm ||
      !verify('sha256', covered(stamp, signed), log.key, stamp.signature)
    )
      throw refuse(`has a certificate timestamp that the log ${log.baseUrl} did not sign`)
    if (!isWithin(log.window, new Date(Number(stamp.time))))
      throw refuse(`has a certificate timestamp outside the time in which the log ${log.baseUrl} is trusted`)
    // Two promises of one log are the promise of one log.
    if (!good.includes(log)) good.push(log)
  }
  if (good.length < least) throw refuse('has no certificate timestamp of a log that the trusted root names')
  return good
}

/** What a log signs of a certificate that is about to be issued (RFC 6962 §3.2, `precert_entry`). */
function precertificate(certificate: Certificate, issuer: Certificate): Buffer {
  const key = createHash('sha256')
    .update(issuer.key.export({ format: 'der', type: 'spki' }))
    .digest()
  const body = withoutTimestamps(certificate)
  return Buffer.concat([key, bigEndian(body.length, 3), body])
}

/** The signed part of a certificate without its list of timestamps. Only the lengths around it change. */
function withoutTimestamps({ signed, name }: Certificate): Buffer {
  const members = readDer(signed, name).children
  const rest = members.slice(0, -1)
  const wrapper = members.at(-1)
  const list = wrapper?.children[0]
  if (wrapper?.tag !== 0xa3 || list === undefined) throw derRefusal(name, 0, 'has no extensions')
  const kept = list.children.filter(
    (child) =>
      readOid(new DerMembers(child, name).take(tags.oid, 'the OID of an extension'), name) !== timestampListOid,
  )
  const extensions = wrap(0xa3, wrap(tags.sequence, ...kept.map(({ bytes }) => bytes)))
  return wrap(tags.sequence, ...rest.map(({ bytes }) => bytes), extensions)
}

function wrap(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const size = content.length
  const width = size < 0x100 ? 1 : size < 0x1_0000 ? 2 : 3
  const length = size < 0x80 ? Buffer.of(size) : Buffer.concat([Buffer.of(0x80 | width), bigEndian(size, width)])
  return Buffer.concat([Buffer.of(tag), length, content])
}

/** RFC 6962 §3.2: version 1, certificate timestamp, time, precertificate, extensions. */
function covered({ time, extensions }: CertificateTimestamp, signed: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.writeBigUInt64BE(time, 2)
  head.writeUInt16BE(1, 10)
  return Buffer.concat([head, signed, bigEndian(extensions.length, 2), extensions])
}

function readList(value: Buffer, name: string): CertificateTimestamp[] {
  const octets = readDer(value, `certificate timestamps of ${name}`)
  if (octets.tag !== tags.octets || octets.content.length > limits.bytes)
    throw derRefusal(name, 0, 'has malformed certificate timestamps')
  const list = new Reader(octets.content, name)
  const items = new Reader(list.block(2), name)
  list.end()
  const stamps: CertificateTimestamp[] = []
  while (!items.done) stamps.push(readTimestamp(new Reader(items.block(2), name), name))
  if (stamps.length === 0 || stamps.length > limits.timestamps)
    throw derRefusal(name, 0, `does not have 1 to ${limits.timestamps} certificate timestamps`)
  return stamps
}

function readTimestamp(reader: Reader, name: string): CertificateTimestamp {
  if (reader.number(1) !== 0) throw derRefusal(name, 0, 'has a certificate timestamp of an unknown version')
  const logId = reader.take(32)
  const time = reader.take(8).readBigUInt64BE()
  const extensions = reader.block(2)
  const hash = reader.number(1)
  const kind = reader.number(1)
  const signature = reader.block(2)
  reader.end()
  if (hash !== 4 || (kind !== 1 && kind !== 3))
    throw derRefusal(name, 0, 'has a certificate timestamp that is not signed with SHA-256 by RSA or ECDSA')
  return { logId, time, extensions, algorithm: kind === 1 ? 'rsa' : 'ec', signature }
}

/** Reads the wire form of TLS (RFC 5246 §4.3). */
class Reader {
  readonly #bytes: Buffer
  readonly #name: string
  #at = 0

  constructor(bytes: Buffer, name: string) {
    this.#bytes = bytes
    this.#name = name
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  take(length: number): Buffer {
    const part = this.#bytes.subarray(this.#at, this.#at + length)
    if (part.length !== length) throw this.#refuse('ends early')
    this.#at += length
    return part
  }

  number(width: number): number {
    return this.take(width).readUIntBE(0, width)
  }

  block(width: number): Buffer {
    return this.take(this.number(width))
  }

  end(): void {
    if (!this.done) throw this.#refuse('has bytes left over')
  }

  #refuse(why: string): VerificationError {
    return derRefusal(this.#name, this.#at, `has a list of certificate timestamps that ${why}`)
  }
}

function bigEndian(value: number, width: number): Buffer {
  const bytes = Buffer.alloc(width)
  bytes.writeUIntBE(value, 0, width)
  return bytes
}

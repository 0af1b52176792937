import { hash, sign } from 'node:crypto'
import { jcs } from '../../../src/encoding/jcs.ts'
import { toBase64 } from '../../../src/encoding/base64.ts'
import { pae } from '../../../src/sign/dsse.ts'
import type { TeeEvidence } from '../../../src/tee/types.ts'
import { activationPayloadType, activationType } from '../../../src/tee/verify/tpm/activation.ts'
import { keyFingerprint } from '../../../src/tee/verify/tpm/attestation-key.ts'
import { noCollateral, type VerifyContext } from '../../../src/tee/verify/verifier.ts'
import { der, oid, sequence } from '../../../src/encoding/der-write.ts'
import { makeCertificate, makeKey, type CertificateOptions, type KeyPair, type TestExtension } from './pki.ts'

/** SYNTHETIC TPM world: a maker, its authority, a TPM and a registrar that never were. Each option is one thing that can be wrong. */
export interface TpmOptions {
  root?: Partial<CertificateOptions>
  authority?: Partial<CertificateOptions>
  ek?: Partial<CertificateOptions>
  /** Certificate of the attestation key itself, as clouds have; then nothing else vouches for it. */
  ak?: Partial<CertificateOptions>
  activation?: (record: Record<string, string>) => void
  registrar?: KeyPair
  /** Attributes of the attestation key. */
  attributes?: number
  area?: (area: Buffer) => Buffer
  /** Changes the message before it is signed. */
  signed?: (parts: Message) => void
  /** Changes what was signed, or goes with it, afterwards. */
  change?: (taken: Taken) => void
  by?: KeyPair
  context?: (context: VerifyContext) => void
}

export interface Message {
  magic: number
  type: number
  signer: Buffer
  extraData: Buffer
  safe: number
  selection: Buffer
  digest: Buffer
  behind: Buffer
}

interface Taken {
  message: Buffer
  signature: Buffer
  pcrs: string[]
  key: Buffer
  documents: Record<string, string>
}

export const tpmTime = new Date('2026-06-15T12:00:00Z')
export const tpmData = Buffer.alloc(48, 0x5a)
export const tpmKeys = {
  root: makeKey('P-256'),
  authority: makeKey('P-256'),
  ek: makeKey('P-256'),
  ak: makeKey('P-256'),
  registrar: makeKey('P-256'),
  stranger: makeKey('P-256'),
}
/** A value that tells the places of a list apart. */
export const pcrs = Array.from({ length: 24 }, (_unused, pcr) => hash('sha256', `synthetic ${pcr}`, 'buffer'))
export const everyPcrSelected = Buffer.from('00000001000b03ffffff', 'hex')

/** Subject alternative name of an EK certificate (TCG EK Credential Profile §3.2.9). */
export function tpmNames(manufacturer = 'id:53594E54'): TestExtension {
  const names = [
    ['2.23.133.2.1', manufacturer],
    ['2.23.133.2.2', 'synthetic'],
    ['2.23.133.2.3', 'id:00010002'],
  ] as const
  const name = sequence(...names.map(([id, text]) => der(0x31, sequence(oid(id), der(0x0c, Buffer.from(text))))))
  return { oid: '2.5.29.17', critical: true, value: sequence(der(0xa4, name)) }
}

export const purpose = (id: string): TestExtension => ({ oid: '2.5.29.37', value: sequence(oid(id)) })
export const ekPurpose = '2.23.133.8.1'

export function makeTpm(options: TpmOptions = {}): { taken: TeeEvidence; context: VerifyContext } {
  const root = makeCertificate({
    subject: 'Synthetic TPM Root',
    issuer: 'Synthetic TPM Root',
    key: tpmKeys.root,
    by: tpmKeys.root,
    ca: { pathLength: 1 },
    ...options.root,
  })
  const authority = makeCertificate({
    subject: 'Synthetic TPM CA',
    issuer: 'Synthetic TPM Root',
    key: tpmKeys.authority,
    by: tpmKeys.root,
    ca: { pathLength: 0 },
    ...options.authority,
  })
  const leaf = (key: KeyPair, extensions: readonly TestExtension[], more: Partial<CertificateOptions>): string =>
    toBase64(
      makeCertificate({
        subject: 'Synthetic TPM',
        issuer: 'Synthetic TPM CA',
        key,
        by: tpmKeys.authority,
        usage: 0x20,
        extensions,
        ...more,
      }),
    )
  const area = (options.area ?? ((bytes) => bytes))(publicArea(options.attributes ?? 0x00050072))
  const documents: Record<string, string> = { 'ak-tpmt': toBase64(area) }
  if (options.ak === undefined) {
    documents['ek-certificate'] = leaf(tpmKeys.ek, [tpmNames(), purpose(ekPurpose)], options.ek ?? {})
    documents['ak-activation'] = toBase64(activation(area, options))
  } else {
    documents['ak-certificate'] = leaf(tpmKeys.ak, [], options.ak)
  }
  const message = attest(area, options.signed)
  const taken: Taken = {
    message,
    signature: ecdsa(message, options.by ?? tpmKeys.ak),
    pcrs: pcrs.map((value) => value.toString('hex')),
    key: spki(tpmKeys.ak),
    documents,
  }
  options.change?.(taken)
  const context: VerifyContext = {
    at: tpmTime,
    collateral: { ...noCollateral, tpmAuthorities: [authority] },
    rules: { tpm: { ekRoots: [root], registrars: [pem(tpmKeys.registrar)] } },
  }
  options.context?.(context)
  return {
    taken: {
      technology: 'tpm',
      evidence: {
        ak_public: toBase64(taken.key),
        tpm_quote: { signature: toBase64(taken.signature), message: toBase64(taken.message), pcrs: taken.pcrs },
      },
      documents: taken.documents,
    },
    context,
  }
}

/** TPMT_PUBLIC of the attestation key: restricted ECDSA P-256. */
function publicArea(attributes: number): Buffer {
  const point = spki(tpmKeys.ak).subarray(-64)
  const head = Buffer.from('0023000b00000000000000100018000b00030010', 'hex')
  head.writeUInt32BE(attributes, 4)
  return Buffer.concat([head, sized(point.subarray(0, 32)), sized(point.subarray(32))])
}

/** TPMS_ATTEST of a quote over all PCRs and the first 32 bytes of the data. */
export function attest(area: Buffer, change?: (parts: Message) => void): Buffer {
  const parts: Message = {
    magic: 0xff544347,
    type: 0x8018,
    signer: Buffer.concat([Buffer.from('000b', 'hex'), hash('sha256', area, 'buffer')]),
    extraData: tpmData.subarray(0, 32),
    safe: 1,
    selection: everyPcrSelected,
    digest: hash('sha256', Buffer.concat(pcrs), 'buffer'),
    behind: Buffer.alloc(0),
  }
  change?.(parts)
  const head = Buffer.alloc(6)
  head.writeUInt32BE(parts.magic)
  head.writeUInt16BE(parts.type, 4)
  const clock = Buffer.from('00000000000100000000000200000003', 'hex')
  const rest = [Buffer.of(parts.safe), Buffer.alloc(8, 1), parts.selection, sized(parts.digest), parts.behind]
  return Buffer.concat([head, sized(parts.signer), sized(parts.extraData), clock, ...rest])
}

/** TPMT_SIGNATURE by ECDSA with SHA-256. */
export function ecdsa(message: Buffer, { privateKey: key }: KeyPair): Buffer {
  const raw = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })
  return Buffer.concat([Buffer.from('0018000b', 'hex'), sized(raw.subarray(0, 32)), sized(raw.subarray(32))])
}

function activation(area: Buffer, { activation: change, registrar = tpmKeys.registrar }: TpmOptions): Buffer {
  const record: Record<string, string> = {
    type: activationType,
    ek: keyFingerprint(tpmKeys.ek.publicKey),
    ak: keyFingerprint(tpmKeys.ak.publicKey),
    'ak-name': `000b${hash('sha256', area, 'hex')}`,
    time: '2026-06-01T00:00:00Z',
  }
  change?.(record)
  const payload = jcs(record)
  const sig = sign('sha256', pae(activationPayloadType, payload), registrar.privateKey).toString('base64')
  return Buffer.from(
    JSON.stringify({ payloadType: activationPayloadType, payload: toBase64(payload), signatures: [{ sig }] }),
  )
}

function spki({ publicKey }: KeyPair): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' })
}

function pem({ publicKey }: KeyPair): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString()
}

function sized(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

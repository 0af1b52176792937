import { createHash, sign } from 'node:crypto'
import { writePem } from '../../../src/encoding/pem.ts'
import type { TdxCollateral } from '../../../src/tee/verify/tdx/collateral.ts'
import type { SignedText } from '../../../src/tee/verify/tdx/signed-json.ts'
import type { TdxInput } from '../../../src/tee/verify/tdx/verify.ts'
import { der, integer, octets, oid, sequence } from '../../../src/encoding/der-write.ts'
import {
  makeCertificate,
  makeCrl,
  makeKey,
  type CertificateOptions,
  type CrlOptions,
  type KeyPair,
} from '../pki/pki.ts'

/** SYNTHETIC TDX world: a root, a platform and a TD that never were. Each option is one thing that can be wrong. */
export interface WorldOptions {
  version?: 4 | 5
  bodyType?: 2 | 3
  teeTcbSvn?: number[]
  teeTcbSvn2?: number[]
  tdAttributes?: bigint
  body?: (body: Buffer) => void
  /** Changes header and body before they are signed. */
  signed?: (signed: Buffer) => void
  qeReport?: (report: Buffer) => void
  /** Intel's own enclave writes 32 bytes; the format has no fixed length. */
  qeAuthData?: Buffer
  /** Changes the whole quote after all signatures. */
  quote?: (quote: Buffer) => void
  certificationType?: number
  innerType?: number
  trailing?: Buffer
  info?: (info: Info) => void
  identity?: (identity: Identity) => void
  sgxExtension?: Buffer | null
  pckComponents?: number[]
  root?: Partial<CertificateOptions>
  ca?: Partial<CertificateOptions>
  pck?: Partial<CertificateOptions>
  signer?: Partial<CertificateOptions>
  rootCrl?: Partial<CrlOptions>
  pckCrl?: Partial<CrlOptions>
  collateral?: (collateral: TdxCollateral) => void
}

export const at = new Date('2026-06-15T12:00:00Z')
export const reportData = Buffer.alloc(48, 0x5a)
const fmspc = '00806f050000'
const serials = { root: 1, ca: 2, pck: 3, signer: 4 } as const
const names = {
  root: 'Intel SGX Root CA',
  ca: 'Intel SGX PCK Platform CA',
  pck: 'Intel SGX PCK Certificate',
  signer: 'Intel SGX TCB Signing',
} as const
// P-256 keys are slow to make only in sum; sharing them between worlds hides nothing.
export const keys = { root: makeKey('P-256'), ca: makeKey('P-256'), pck: makeKey('P-256'), signer: makeKey('P-256') }
const attestation = makeKey('P-256')

export function makeWorld(options: WorldOptions = {}): TdxInput {
  const make = (who: keyof typeof names, by: 'root' | 'ca', more: Partial<CertificateOptions> = {}) =>
    makeCertificate({
      subject: names[who],
      issuer: names[by],
      key: keys[who],
      by: keys[by],
      serial: serials[who],
      ...more,
    })
  const root = make('root', 'root', { ca: { pathLength: 1 }, ...options.root })
  const ca = make('ca', 'root', { ca: { pathLength: 0 }, ...options.ca })
  const extension = options.sgxExtension === undefined ? sgxExtension(options.pckComponents) : options.sgxExtension
  const extensions = extension === null ? [] : [{ oid: '1.2.840.113741.1.13.1', value: extension }]
  const pck = make('pck', 'ca', { extensions, ...options.pck })
  const signer = make('signer', 'root', options.signer)

  const info = makeInfo()
  options.info?.(info)
  const identity = makeIdentity()
  options.identity?.(identity)
  const collateral: TdxCollateral = {
    tcbInfo: signText(info),
    tcbInfoChain: [signer, root],
    qeIdentity: signText(identity),
    qeIdentityChain: [signer, root],
    rootCrl: makeCrl({ issuer: names.root, by: keys.root, ...options.rootCrl }),
    pckCrl: makeCrl({ issuer: names.ca, by: keys.ca, ...options.pckCrl }),
  }
  options.collateral?.(collateral)
  return {
    quote: makeQuote(options, [pck, ca, root]),
    collateral,
    reportData,
    at,
    roots: [createHash('sha256').update(root).digest('hex')],
  }
}

function makeQuote(options: WorldOptions, chain: Buffer[]): Buffer {
  const { version = 5, bodyType = version === 4 ? 2 : 3, certificationType = 6, innerType = 5 } = options
  const body = Buffer.alloc(bodyType === 2 ? 584 : 648)
  Buffer.from(options.teeTcbSvn ?? [6, 1, 3]).copy(body, 0)
  body.writeBigUInt64LE(options.tdAttributes ?? 1n << 28n, 120)
  body.fill(0xaa, 136, 184)
  reportData.copy(body, 520)
  if (bodyType === 3) Buffer.from(options.teeTcbSvn2 ?? options.teeTcbSvn ?? [6, 1, 3]).copy(body, 584)
  options.body?.(body)
  const header = Buffer.alloc(48)
  header.writeUInt16LE(version, 0)
  header.writeUInt16LE(2, 2)
  header.writeUInt32LE(0x81, 4)
  Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex').copy(header, 12)
  const signed = Buffer.concat([header, ...(version === 5 ? [u16(bodyType), u32(body.length)] : []), body])
  options.signed?.(signed)

  const point = Buffer.from(attestation.publicKey.export({ type: 'spki', format: 'der' })).subarray(-64)
  const authData = options.qeAuthData ?? Buffer.from('synthetic')
  const report = Buffer.alloc(384)
  Buffer.from('11000000000000000000000000000000', 'hex').copy(report, 48)
  report.fill(0xdc, 128, 160)
  report.writeUInt16LE(2, 256)
  report.writeUInt16LE(4, 258)
  createHash('sha256').update(point).update(authData).digest().copy(report, 320)
  options.qeReport?.(report)
  const pem = Buffer.from(`${chain.map((bytes) => writePem('CERTIFICATE', bytes)).join('')}\0`)
  const inner = Buffer.concat([
    report,
    signRaw(report, keys.pck),
    u16(authData.length),
    authData,
    u16(innerType),
    u32(pem.length),
    pem,
  ])
  const auth = Buffer.concat([signRaw(signed, attestation), point, u16(certificationType), u32(inner.length), inner])
  const quote = Buffer.concat([signed, u32(auth.length), auth, options.trailing ?? Buffer.alloc(0)])
  options.quote?.(quote)
  return quote
}

export function sgxExtension(components = Array<number>(16).fill(5), pceSvn = 13): Buffer {
  const id = (arc: string) => oid(`1.2.840.113741.1.13.1.${arc}`)
  const member = (arc: string, value: Buffer) => sequence(id(arc), value)
  return sequence(
    member('1', octets(Buffer.alloc(16, 0x77))),
    member(
      '2',
      sequence(
        ...components.map((svn, i) => member(`2.${i + 1}`, integer(svn))),
        member('2.17', integer(pceSvn)),
        member('2.18', octets(Buffer.from(components))),
      ),
    ),
    member('3', octets(Buffer.alloc(2))),
    member('4', octets(Buffer.from(fmspc, 'hex'))),
    member('5', der(0x0a, Buffer.of(1))),
  )
}

export type Info = ReturnType<typeof makeInfo>
export type Identity = ReturnType<typeof makeIdentity>

const window = { issueDate: '2026-06-01T00:00:00Z', nextUpdate: '2026-07-01T00:00:00Z' }
const module = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) }
export const part = (isvsvn: number, tcbStatus: string, ...advisoryIDs: string[]) => ({
  tcb: { isvsvn },
  tcbDate: '2024-11-13T00:00:00Z',
  tcbStatus,
  advisoryIDs,
})
/** @param sgx SVN of all SGX components @param tdx first SVNs of the TDX components */
export const level = (sgx: number, tdx: number[], tcbStatus: string, ...advisoryIDs: string[]) => ({
  tcb: {
    sgxtcbcomponents: Array.from({ length: 16 }, () => ({ svn: sgx })),
    pcesvn: 13,
    tdxtcbcomponents: Array.from({ length: 16 }, (_, i) => ({ svn: tdx[i] ?? 0 })),
  },
  tcbDate: '2024-11-13T00:00:00Z',
  tcbStatus,
  advisoryIDs,
})

function makeInfo() {
  return {
    id: 'TDX',
    version: 3,
    ...window,
    fmspc,
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: 18,
    tdxModule: { ...module },
    tdxModuleIdentities: [
      { id: 'TDX_01', ...module, tcbLevels: [part(6, 'UpToDate'), part(4, 'OutOfDate', 'INTEL-SA-00001')] },
    ],
    tcbLevels: [level(5, [5, 0, 3], 'UpToDate'), level(3, [3, 0, 2], 'OutOfDate', 'INTEL-SA-00002')],
  }
}

function makeIdentity() {
  return {
    id: 'TD_QE',
    version: 2,
    ...window,
    tcbEvaluationDataNumber: 18,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: '11000000000000000000000000000000',
    attributesMask: 'FBFFFFFFFFFFFFFF0000000000000000',
    mrsigner: 'DC'.repeat(32),
    isvprodid: 2,
    tcbLevels: [part(4, 'UpToDate'), part(2, 'OutOfDate', 'INTEL-SA-00003')],
  }
}

export function signText(value: unknown): SignedText {
  const bytes = Buffer.from(JSON.stringify(value))
  return { bytes, signature: signRaw(bytes, keys.signer) }
}

function signRaw(bytes: Buffer, { privateKey: key }: KeyPair): Buffer {
  return sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' })
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

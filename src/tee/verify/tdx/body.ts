import { ByteReader } from '../../byte-reader.ts'

/** Report of one TD as the module made it (DCAP Quote format, TD Quote Body). Members are views of the input. */
export interface TdBody {
  /** 2: TD 1.0, 584 bytes. 3: TD 1.5, 648 bytes with the last two members. */
  type: 2 | 3
  teeTcbSvn: Buffer
  mrSeam: Buffer
  mrSignerSeam: Buffer
  seamAttributes: Buffer
  tdAttributes: bigint
  xfam: bigint
  mrTd: Buffer
  mrConfigId: Buffer
  mrOwner: Buffer
  mrOwnerConfig: Buffer
  rtmr: [Buffer, Buffer, Buffer, Buffer]
  reportData: Buffer
  /** What the module could measure now, after an update without a restart of the TD. */
  teeTcbSvn2: Buffer | null
  mrServiceTd: Buffer | null
}

/** Length in bytes of each body type. */
export const bodySizes = { 2: 584, 3: 648 } as const

/** @throws VerificationError `format-invalid` unless the bytes have exactly the length of their type */
export function parseTdBody(bytes: Uint8Array, type: 2 | 3): TdBody {
  const reader = new ByteReader(bytes, 'TD quote body', 'LE')
  const body: TdBody = {
    type,
    teeTcbSvn: reader.take(16, 'TEE_TCB_SVN'),
    mrSeam: reader.take(48, 'MRSEAM'),
    mrSignerSeam: reader.take(48, 'MRSIGNERSEAM'),
    seamAttributes: reader.take(8, 'SEAMATTRIBUTES'),
    tdAttributes: reader.u64('TDATTRIBUTES'),
    xfam: reader.u64('XFAM'),
    mrTd: reader.take(48, 'MRTD'),
    mrConfigId: reader.take(48, 'MRCONFIGID'),
    mrOwner: reader.take(48, 'MROWNER'),
    mrOwnerConfig: reader.take(48, 'MROWNERCONFIG'),
    rtmr: [reader.take(48, 'RTMR0'), reader.take(48, 'RTMR1'), reader.take(48, 'RTMR2'), reader.take(48, 'RTMR3')],
    reportData: reader.take(64, 'REPORTDATA'),
    teeTcbSvn2: type === 3 ? reader.take(16, 'TEE_TCB_SVN2') : null,
    mrServiceTd: type === 3 ? reader.take(48, 'MRSERVICETD') : null,
  }
  reader.end()
  return body
}

import { SealwrightError } from '../../base/errors.ts'
import { readTdAttributes } from '../verify/tdx/attributes.ts'
import { bodySizes } from '../verify/tdx/body.ts'
import { readAuthData } from '../verify/tdx/auth-data.ts'
import { certificateField } from './certificate.ts'
import { group, item, readLayout, type Field, type Layout } from './field.ts'

const header: Layout = [
  ['version', 0, 2, 'number'],
  ['attestation key type (2: ECDSA P-256)', 2, 2, 'number'],
  ['TEE type (0x81: TDX)', 4, 4, 'bits'],
  ['reserved', 8, 4, 'hex'],
  ['QE vendor', 12, 16, 'hex'],
  ['user data', 28, 20, 'hex'],
]

/** TD quote body (Intel DCAP, A.3.2); the last two members are of type 3 only. */
const body: Layout = [
  ['TEE_TCB_SVN', 0, 16, 'hex'],
  ['MRSEAM', 16, 48, 'hex'],
  ['MRSIGNERSEAM', 64, 48, 'hex'],
  ['SEAMATTRIBUTES', 112, 8, 'hex'],
  ['TDATTRIBUTES', 120, 8, 'bits'],
  ['XFAM', 128, 8, 'bits'],
  ['MRTD', 136, 48, 'hex'],
  ['MRCONFIGID', 184, 48, 'hex'],
  ['MROWNER', 232, 48, 'hex'],
  ['MROWNERCONFIG', 280, 48, 'hex'],
  ['RTMR0', 328, 48, 'hex'],
  ['RTMR1', 376, 48, 'hex'],
  ['RTMR2', 424, 48, 'hex'],
  ['RTMR3', 472, 48, 'hex'],
  ['REPORTDATA', 520, 64, 'hex'],
  ['TEE_TCB_SVN2', 584, 16, 'hex'],
  ['MRSERVICETD', 600, 48, 'hex'],
]

/** A DCAP quote of version 4 or 5. */
export function showTdx(bytes: Buffer): Field[] {
  const version = bytes.readUInt16LE(0)
  const fields = [group('header', readLayout(bytes, header), 0, 48)]
  if (version !== 4 && version !== 5)
    return [...fields, item('body', `not shown: version ${version} is of an SGX enclave`)]
  const type = version === 4 ? 2 : bytes.length < 54 ? 0 : bytes.readUInt16LE(48)
  const at = version === 4 ? 48 : 54
  if (type !== 2 && type !== 3) return [...fields, item('body', `not shown: of type ${type}`, 48, 2)]
  if (version === 5) fields.push(...readLayout(bytes, descriptor))
  const size = bodySizes[type]
  const layout = body.filter(([, offset]) => offset < size)
  fields.push(
    group(`TD quote body of type ${type}`, withAttributes(readLayout(bytes, layout, at), bytes, at), at, size),
  )
  return [...fields, ...showAuth(bytes, at + size)]
}

const descriptor: Layout = [
  ['body type', 48, 2, 'number'],
  ['body size', 50, 4, 'number'],
]

function withAttributes(fields: Field[], bytes: Buffer, at: number): Field[] {
  if (bytes.length < at + 128) return fields
  const { set, reserved } = readTdAttributes(bytes.readBigUInt64LE(at + 120))
  const names = [...set, ...reserved.map((bit) => `reserved bit ${bit}`)]
  return fields.map((field) =>
    field.name === 'TDATTRIBUTES' ? { ...field, fields: names.map((name) => item('set', name)) } : field,
  )
}

function showAuth(bytes: Buffer, at: number): Field[] {
  if (bytes.length < at + 4) return [item('authentication data', 'not there')]
  const size = bytes.readUInt32LE(at)
  const data = bytes.subarray(at + 4, at + 4 + size)
  const rest = bytes.subarray(at + 4 + size)
  const trailing = rest.every((byte) => byte === 0) ? 'all zero' : rest.subarray(0, 64).toString('hex')
  return [
    item('size of authentication data', size, at, 4),
    group('authentication data', authFields(data), at + 4, size),
    ...(rest.length === 0
      ? []
      : [item('bytes behind the quote, signed by nobody', trailing, at + 4 + size, rest.length)]),
  ]
}

function authFields(data: Buffer): Field[] {
  try {
    const { signature, attestationKey, qeReport, qeReportSignature, qeAuthData, pckChain } = readAuthData(data)
    return [
      item('quote signature r, s', signature.toString('hex')),
      item('attestation key x, y', attestationKey.toString('hex')),
      group('QE report', [
        item('CPUSVN', qeReport.cpuSvn.toString('hex')),
        item('MISCSELECT', qeReport.miscSelect.toString('hex')),
        item('ATTRIBUTES', qeReport.attributes.toString('hex')),
        item('MRENCLAVE', qeReport.mrEnclave.toString('hex')),
        item('MRSIGNER', qeReport.mrSigner.toString('hex')),
        item('ISVPRODID', qeReport.isvProdId),
        item('ISVSVN', qeReport.isvSvn),
        item('REPORTDATA', qeReport.reportData.toString('hex')),
      ]),
      item('QE report signature r, s', qeReportSignature.toString('hex')),
      item('QE authentication data', qeAuthData.toString('hex')),
      group(
        'PCK chain',
        pckChain.map((der, i) => certificateField(`certificate ${i}`, der)),
      ),
    ]
  } catch (error) {
    if (error instanceof SealwrightError) return [item('cannot be read', error.message)]
    throw error
  }
}

import { VerificationError } from '../../base/errors.ts'
import { guidText } from './guid.ts'

/** Variables of a firmware's store that are valid. */
export interface VariableStore {
  /** The data of one variable, null where it isn't there. */
  get(guid: string, name: string): Buffer | null
}

/** Volume that holds variables (edk2 gEfiSystemNvDataFvGuid), and the form with time-based authentication inside. */
const volumeGuid = 'fff12b8d-7696-4c8b-a985-2747075b4f50'
const storeGuid = 'aaf32c78-947b-439a-a180-2e144ec37792'
const limits = { bytes: 64 * 1024 * 1024, variables: 4096 } as const
const volumeHeader = 56
const storeHeader = 28
const variableHeader = 60
const startId = 0x55aa
const formatted = 0x5a
const healthy = 0xfe
/** VAR_ADDED, and VAR_ADDED while a newer one was being written. */
const added = 0x3f
const replaced = 0x3e

/**
 * Reads an OVMF variable store (edk2 VariableFormat.h): a VARS file, or a firmware file that begins with it.
 *
 * @throws VerificationError `format-invalid` with the offset, for another format, sizes that do not fit, and a write that was interrupted
 */
export function parseVariableStore(input: Uint8Array, subject: string): VariableStore {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  const refuse = (offset: number, why: string): VerificationError =>
    new VerificationError('format-invalid', `${subject} is no variable store: ${why}, at byte ${offset}`, { subject })
  if (bytes.length < volumeHeader + storeHeader || bytes.length > limits.bytes) throw refuse(0, 'its size')
  if (guidText(bytes.subarray(16, 32)) !== volumeGuid || bytes.toString('latin1', 40, 44) !== '_FVH') {
    throw refuse(16, 'it does not begin with a volume of variables')
  }
  const start = bytes.readUInt16LE(48)
  if (start < volumeHeader || start + storeHeader > bytes.length) throw refuse(48, 'a header that does not fit')
  if (guidText(bytes.subarray(start, start + 16)) !== storeGuid) throw refuse(start, 'not with authenticated variables')
  const size = bytes.readUInt32LE(start + 16)
  const end = start + size
  if (size < storeHeader || end > bytes.length) throw refuse(start + 16, 'a size that does not fit')
  if (bytes[start + 20] !== formatted || bytes[start + 21] !== healthy) throw refuse(start + 20, 'not formatted')

  const found = new Map<string, Buffer>()
  let at = start + storeHeader
  for (let n = 0; at + variableHeader <= end && bytes.readUInt16LE(at) === startId; n++) {
    if (n === limits.variables) throw refuse(at, `more than ${limits.variables} variables`)
    const [nameSize, dataSize] = [bytes.readUInt32LE(at + 36), bytes.readUInt32LE(at + 40)]
    const next = at + variableHeader + nameSize + dataSize
    if (next > end || nameSize < 2 || nameSize % 2 !== 0) throw refuse(at + 36, 'a variable that does not fit')
    const state = bytes.readUInt8(at + 2)
    const name = bytes.toString('utf16le', at + variableHeader, at + variableHeader + nameSize - 2)
    if (state === replaced) throw refuse(at + 2, `${JSON.stringify(name)} was being replaced when the machine stopped`)
    if (state === added) {
      const key = `${guidText(bytes.subarray(at + 44, at + 60))} ${name}`
      if (found.has(key)) throw refuse(at, `a second ${JSON.stringify(name)}`)
      found.set(key, bytes.subarray(at + variableHeader + nameSize, next))
    }
    at = Math.ceil(next / 4) * 4
  }
  // Behind the last variable the flash is erased.
  if (bytes.subarray(at, Math.min(at + 2, end)).some((byte) => byte !== 0xff)) throw refuse(at, 'bytes behind the end')
  return { get: (guid, name) => found.get(`${guid} ${name}`) ?? null }
}

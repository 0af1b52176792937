import { guidBytes } from '../../../src/tee/measure/guid.ts'

const globalGuid = '8be4df61-93ca-11d2-aa0d-00e098032b8c'

/** A volume of 64 KiB with one store that holds these variables. */
export function makeStore(variables: { name: string; guid?: string; data?: string; state?: number }[]): Buffer {
  const bytes = Buffer.alloc(65536, 0xff)
  bytes.fill(0, 0, 100)
  guidBytes('fff12b8d-7696-4c8b-a985-2747075b4f50').copy(bytes, 16)
  bytes.write('_FVH', 40, 'latin1')
  bytes.writeUInt16LE(72, 48)
  guidBytes('aaf32c78-947b-439a-a180-2e144ec37792').copy(bytes, 72)
  bytes.writeUInt32LE(0x4000, 88)
  bytes.set([0x5a, 0xfe], 92)
  let at = 100
  for (const { name, guid = globalGuid, data = 'data', state = 0x3f } of variables) {
    const text = Buffer.from(`${name}\0`, 'utf16le')
    bytes.fill(0, at, at + 60)
    bytes.writeUInt16LE(0x55aa, at)
    bytes.writeUInt8(state, at + 2)
    bytes.writeUInt32LE(text.length, at + 36)
    bytes.writeUInt32LE(data.length, at + 40)
    guidBytes(guid).copy(bytes, at + 44)
    text.copy(bytes, at + 60)
    bytes.write(data, at + 60 + text.length, 'latin1')
    at = Math.ceil((at + 60 + text.length + data.length) / 4) * 4
  }
  return bytes
}

import { base, makeElf } from './make-executable.ts'

/** An extension: module entry, its version's text and the build's name. @param relocated the loader writes the pointer */
export function extension(version: string | null, { relocated = true, api = 20230831 } = {}): Buffer {
  const data = Buffer.alloc(8 + 168 + 64)
  data.writeUInt32LE(168, 8)
  data.writeUInt32LE(api, 12)
  data.write(`${version ?? ''}\0API20230831,NTS\0`, 8 + 168, 'latin1')
  const parts = [
    { name: '.data', bytes: data, data: true },
    { name: '.rela.dyn', bytes: Buffer.alloc(48), data: true },
  ]
  const at = makeElf(parts).indexOf(data)
  const text = base + at + 8 + 168
  const place = base + at + 8 + 88
  if (version !== null && relocated) {
    parts[1]?.bytes.writeBigUInt64LE(BigInt(place), 24)
    parts[1]?.bytes.writeBigUInt64LE(BigInt(text), 40)
  } else if (version !== null) data.writeBigUInt64LE(BigInt(text), 8 + 88)
  return makeElf(parts)
}

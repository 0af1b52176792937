import { base, makeElf, type Part } from './make-executable.ts'

/** A native image of GraalVM: its document, its length, and the symbols that lead to them. */
export function makeNativeImage(
  bytes: Buffer,
  { length = bytes.length, names = ['__svm_version_info', 'sbom', 'sbom_length'] } = {},
): Buffer {
  const data = Buffer.concat([Buffer.alloc(8), bytes])
  data.writeBigUInt64LE(BigInt(length), 0)
  const table = Buffer.alloc(24 * (names.length + 1))
  const parts: Part[] = [
    { name: '.data', bytes: data, data: true },
    { name: '.dynsym', bytes: table },
    { name: '.dynstr', bytes: Buffer.from(`\0${names.map((name) => `${name}\0`).join('')}`) },
  ]
  const start = base + makeElf(parts).indexOf(data)
  let at = 1
  names.forEach((name, i) => {
    table.writeUInt32LE(at, 24 * (i + 1))
    table.writeBigUInt64LE(BigInt(name === 'sbom' ? start + 8 : start), 24 * (i + 1) + 8)
    at += name.length + 1
  })
  return makeElf(parts)
}

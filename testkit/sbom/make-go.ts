import { base } from './make-executable.ts'

const start = Buffer.from('3077af0c9274080241e1c107e6d618e6', 'hex')
const end = Buffer.from('f932433186182072008242104116d8f2', 'hex')

/** The module text of a Go program, between its two marks. */
export function moduleText(lines: readonly string[]): Buffer {
  return Buffer.concat([start, Buffer.from(lines.map((line) => `${line}\n`).join('')), end])
}

/** `.go.buildinfo` since Go 1.18: both texts stand in the section. */
export function inlineInfo(version: string, modules: Buffer): Buffer {
  const header = Buffer.alloc(32)
  header.write('\xff Go buildinf:', 0, 'latin1')
  header[14] = 8
  header[15] = 2
  return Buffer.concat([header, varint(version.length), Buffer.from(version), varint(modules.length), modules])
}

/** `.go.buildinfo` before Go 1.18: pointers to Go strings, which lie behind the header in this test. */
export function pointedInfo(
  version: string,
  modules: Buffer,
  { at, size = 8, little = true }: { at: number; size?: 4 | 8; little?: boolean },
): Buffer {
  const put = (value: number): Buffer => {
    const bytes = Buffer.alloc(size)
    bytes.writeUInt32BE(value, size - 4)
    return little ? bytes.reverse() : bytes
  }
  const header = Buffer.alloc(32)
  header.write('\xff Go buildinf:', 0, 'latin1')
  header[14] = size
  header[15] = little ? 0 : 1
  const address = base + at
  header.set(put(address + 32), 16)
  header.set(put(address + 32 + 2 * size), 16 + size)
  const text = 32 + 4 * size
  const strings = [put(address + text), put(version.length), put(address + text + version.length), put(modules.length)]
  return Buffer.concat([header, ...strings, Buffer.from(version), modules])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value & 0x7f) | 0x80)
  return Buffer.from([...bytes, value])
}

import { makeElf } from './make-executable.ts'

/** A node of a version resource. @param value a text, or raw bytes */
function node(key: string, value: string | Buffer, children: readonly Buffer[] = []): Buffer {
  const text = typeof value === 'string'
  const bytes = text ? Buffer.from(value === '' ? '' : `${value}\0`, 'utf16le') : value
  const parts: Buffer[] = [Buffer.alloc(6), Buffer.from(`${key}\0`, 'utf16le')]
  const pad = (): void => {
    parts.push(Buffer.alloc((4 - (Buffer.concat(parts).length % 4)) % 4))
  }
  pad()
  parts.push(bytes)
  for (const child of children) {
    pad()
    parts.push(child)
  }
  const whole = Buffer.concat(parts)
  whole.writeUInt16LE(whole.length, 0)
  whole.writeUInt16LE(text ? bytes.length / 2 : bytes.length, 2)
  whole.writeUInt16LE(text ? 1 : 0, 4)
  return whole
}

/** The resource section: three folders of one entry, a data entry, the version. @param address of the section in memory */
export function resources(strings: Readonly<Record<string, string>>, address = 0x1000): Buffer {
  const version = node('VS_VERSION_INFO', Buffer.alloc(52), [
    node('VarFileInfo', '', [node('Translation', Buffer.alloc(4))]),
    node('StringFileInfo', '', [
      node(
        '040904b0',
        '',
        Object.entries(strings).map(([key, value]) => node(key, value)),
      ),
    ]),
  ])
  const tree = Buffer.alloc(3 * 24 + 16)
  ;[16, 1, 1033].forEach((id, level) => {
    const at = level * 24
    tree.writeUInt16LE(1, at + 14)
    tree.writeUInt32LE(id, at + 16)
    tree.writeUInt32LE(level < 2 ? 0x8000_0000 + at + 24 : at + 24, at + 20)
  })
  tree.writeUInt32LE(address + tree.length, 72)
  tree.writeUInt32LE(version.length, 76)
  return Buffer.concat([tree, version])
}

/** A host, its marked place, and a bundle of one deps.json. */
export function bundle(deps: string, { version = 6, name = 'app', size = deps.length } = {}): Buffer {
  const place = Buffer.alloc(8)
  const host = makeElf([
    {
      name: '.data',
      bytes: Buffer.concat([
        place,
        Buffer.from('8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae', 'hex'),
      ]),
    },
  ])
  const header = Buffer.alloc(12)
  header.writeUInt32LE(version, 0)
  const places = Buffer.alloc(16)
  const start = host.length + header.length + 1 + name.length + 16
  places.writeBigUInt64LE(BigInt(start), 0)
  places.writeBigUInt64LE(BigInt(size), 8)
  const whole = Buffer.concat([host, header, Buffer.from([name.length]), Buffer.from(name), places, Buffer.from(deps)])
  whole.writeBigUInt64LE(BigInt(host.length), whole.indexOf('8b1202b9', 0, 'hex') - 8)
  return whole
}

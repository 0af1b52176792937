import { InputError, InternalError } from '../base/errors.ts'
import { compareNames, nameBytes } from './names.ts'
import type { TarEntry, TarHeader } from './types.ts'

const flags = { file: '0', hardlink: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' } as const
const zeros = Buffer.alloc(1024)

/**
 * Writes a tar archive; equal entries give equal bytes. An entry is plain ustar where it fits, else a pax header with sorted records
 * stands before it. Ends with two zero blocks, without further padding.
 *
 * @throws InternalError when a body has another length than its header says
 */
export async function* writeTar(entries: AsyncIterable<TarEntry> | Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const { header, body } of entries) {
    yield headerBytes(header)
    if (header.type !== 'file') continue
    let size = 0
    for await (const chunk of body) {
      size += chunk.length
      if (size > header.size) break
      yield chunk
    }
    if (size !== header.size)
      throw new InternalError(`${header.path} has ${size} bytes where ${header.size} were announced`)
    if (size % 512 !== 0) yield zeros.subarray(0, 512 - (size % 512))
  }
  yield zeros
}

/** The header block(s) of one entry. */
export function headerBytes(header: TarHeader): Buffer {
  const pax = new Map<string, Buffer>()
  const name = header.type === 'dir' ? `${header.path}/` : header.path
  const [prefix, short] = splitName(name) ?? ['', null]
  if (short === null) pax.set('path', nameBytes(name))
  if (Buffer.byteLength(header.link) > 100 || !isAscii(header.link)) pax.set('linkpath', nameBytes(header.link))
  for (const key of ['uname', 'gname'] as const) {
    if (header[key].length > 31 || !isAscii(header[key])) pax.set(key, Buffer.from(header[key]))
  }
  for (const [key, limit] of [
    ['uid', 0o7777777],
    ['gid', 0o7777777],
    ['size', 0o77777777777],
    ['mtime', 0o77777777777],
  ] as const) {
    if (header[key] < 0 || header[key] > limit) pax.set(key, Buffer.from(String(header[key])))
  }
  for (const [key, value] of Object.entries(header.xattrs)) pax.set(`SCHILY.xattr.${key}`, Buffer.from(value, 'latin1'))
  if (header.devMajor > 0o7777777 || header.devMinor > 0o7777777) {
    throw new InputError('unsupported', `the device number of ${header.path} does not fit into a tar header`, {
      subject: header.path,
    })
  }

  const fits = (key: 'uid' | 'gid' | 'size' | 'mtime'): number => (pax.has(key) ? 0 : header[key])
  const main = block({
    name: short ?? ascii(name).slice(0, 100),
    prefix,
    mode: header.mode,
    uid: fits('uid'),
    gid: fits('gid'),
    size: header.type === 'file' ? fits('size') : 0,
    mtime: fits('mtime'),
    flag: flags[header.type],
    link: pax.has('linkpath') ? ascii(header.link).slice(0, 100) : header.link,
    uname: pax.has('uname') ? '' : header.uname,
    gname: pax.has('gname') ? '' : header.gname,
    devMajor: header.devMajor,
    devMinor: header.devMinor,
  })
  return pax.size === 0 ? main : Buffer.concat([paxBlocks(name, pax), main])
}

function paxBlocks(name: string, records: Map<string, Buffer>): Buffer {
  const keys = [...records.keys()].sort(compareNames)
  const data = Buffer.concat(keys.map((key) => paxRecord(key, records.get(key) as Buffer)))
  const base = ascii(name.replace(/\/$/, '').replace(/^.*\//, ''))
  const head = block({
    name: `PaxHeaders.0/${base}`.slice(0, 100),
    prefix: '',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: data.length,
    mtime: 0,
    flag: 'x',
    link: '',
    uname: '',
    gname: '',
    devMajor: 0,
    devMinor: 0,
  })
  return Buffer.concat([head, data, zeros.subarray(0, (512 - (data.length % 512)) % 512)])
}

/** `LEN KEY=VALUE\n`, where LEN counts its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(' '), nameBytes(key), Buffer.from('='), value, Buffer.from('\n')])
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

interface Fields {
  name: string
  prefix: string
  mode: number
  uid: number
  gid: number
  size: number
  mtime: number
  flag: string
  link: string
  uname: string
  gname: string
  devMajor: number
  devMinor: number
}

function block(fields: Fields): Buffer {
  const bytes = Buffer.alloc(512)
  const octal = (value: number, at: number, digits: number): number =>
    bytes.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1')
  bytes.write(fields.name, 0, 100, 'latin1')
  octal(fields.mode, 100, 7)
  octal(fields.uid, 108, 7)
  octal(fields.gid, 116, 7)
  octal(fields.size, 124, 11)
  octal(fields.mtime, 136, 11)
  bytes.write('        ', 148, 'latin1')
  bytes.write(fields.flag, 156, 'latin1')
  bytes.write(fields.link, 157, 100, 'latin1')
  bytes.write('ustar\u000000', 257, 'latin1')
  bytes.write(fields.uname, 265, 'latin1')
  bytes.write(fields.gname, 297, 'latin1')
  octal(fields.devMajor, 329, 7)
  octal(fields.devMinor, 337, 7)
  bytes.write(fields.prefix, 345, 'latin1')
  let sum = 0
  for (const byte of bytes) sum += byte
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

/** Prefix and name of a ustar header, or null where the path fits neither whole nor split. */
function splitName(name: string): [string, string] | null {
  if (!isAscii(name)) return null
  if (name.length <= 100) return ['', name]
  // The rightmost slash that leaves at most 155 characters before it; the name part may not be empty.
  const slash = name.lastIndexOf('/', Math.min(155, name.length - 2))
  return slash > 0 && name.length - slash - 1 <= 100 ? [name.slice(0, slash), name.slice(slash + 1)] : null
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7e || text.charCodeAt(i) < 0x20) return false
  return true
}

function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '_')
}

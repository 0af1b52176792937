import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { nameOf } from '../../../tar/names.ts'
import { XattrLists } from '../../../image/xattrs.ts'
import type { Gap } from '../../model.ts'
import { damaged, requireFew } from './refusals.ts'
import { diskLimits, type DiskContents, type DiskEntry, type DiskPlace } from './types.ts'

const mark = '#\n# START OF DATA - DO NOT MODIFY\n#\n'
/** Bytes of the list of files: about 60 a file. */
const mostList = 1 << 30
const chunkBytes = 1 << 20

/**
 * Reads squashfs by `unsquashfs -pf`, which writes one file: a line for every entry with its metadata, then all contents. Nothing is unpacked
 * under a name of the image.
 *
 * @throws VerificationError `format-invalid`
 */
export async function readSquashfs(place: DiskPlace): Promise<DiskContents> {
  const { run, inside, out, offset } = place
  const done = await run([
    ...['/usr/bin/unsquashfs', '-no-progress', '-quiet', '-offset', String(offset)],
    ...['-pf', `${inside.out}/tree`, inside.image],
  ])
  if (done.code !== 0) throw damaged(firstLine(done.stderr) ?? `unsquashfs ended with ${done.code}`)
  const file = join(out, 'tree')
  const handle = await open(file, 'r')
  try {
    const list = await listOf(handle)
    const { entries, shown } = parseList(list.toString('latin1', 0, list.length - mark.length), file, list.length)
    const contents = entries.reduce((sum, { content, size }) => (content?.offset === undefined ? sum : sum + size), 0)
    const { size } = await handle.stat()
    if (list.length + contents !== size) throw damaged('its list of files does not fit its contents')
    const gaps = shown || !(await hasXattrs(place)) ? [] : [notShown]
    return { entries: withLinks(entries), gaps }
  } finally {
    await handle.close()
  }
}

/** The superblock says at byte 56 where the table of extended attributes is; all ones where the image has none (squashfs 4.0). */
async function hasXattrs({ image, offset }: DiskPlace): Promise<boolean> {
  const file = await open(image, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, offset + 56)
    return bytesRead !== 8 || buffer.readBigUInt64LE() !== 0xffffffffffffffffn
  } finally {
    await file.close()
  }
}

const notShown: Gap = {
  path: '.',
  kind: 'xattrs',
  reason: 'unsupported',
  why: 'extended attributes and file capabilities are missing: unsquashfs shows them from version 4.6 on',
}

function firstLine(text: string): string | null {
  return text.split('\n').find((line) => line.trim() !== '') ?? null
}

async function listOf(file: FileHandle): Promise<Buffer> {
  const chunks: Buffer[] = []
  let tail = Buffer.alloc(0)
  for (let at = 0; at < mostList;) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, at)
    if (bytesRead === 0) break
    const chunk = buffer.subarray(0, bytesRead)
    const window = Buffer.concat([tail, chunk])
    const found = window.indexOf(mark)
    if (found !== -1) {
      const end = at - tail.length + found + mark.length
      return Buffer.concat([...chunks, chunk]).subarray(0, end)
    }
    chunks.push(chunk)
    tail = Buffer.from(window.subarray(-mark.length))
    at += bytesRead
  }
  throw damaged('unsquashfs wrote no end of its list of files')
}

interface Parsed extends DiskEntry {
  /** Path of the file that a hard link is another name of. */
  same?: string
}

function parseList(text: string, file: string, start: number): { entries: Parsed[]; shown: boolean } {
  const entries: Parsed[] = []
  const xattrs = new XattrLists<string>()
  const seen = new Set<string>()
  let end = 0
  for (const line of text.split('\n')) {
    if (line === '' || line === '#') continue
    if (takeXattr(line, xattrs)) continue
    const entry = parseLine(line)
    if (entry === null) continue
    if (seen.has(entry.path)) throw damaged(`"${entry.path}" is in it twice`)
    seen.add(entry.path)
    requireFew(entries.length)
    if (entry.content !== null) {
      // Contents follow each other without gaps: a forged line would not fit.
      if (entry.content.offset !== end) throw damaged(`the content of "${entry.path}" lies at no place of its own`)
      end += entry.size
      entry.content = { file, offset: start + entry.content.offset }
    }
    entries.push(entry)
  }
  for (const entry of entries) entry.xattrs = xattrs.of(entry.path)
  return { entries, shown: !xattrs.isEmpty }
}

/** `PATH x NAME=VALUE` (from unsquashfs 4.6 on). A value with other than printable characters is written as `0t` with `\ooo` for these. */
function takeXattr(line: string, found: XattrLists<string>): boolean {
  const [, escaped, name, shown = ''] = /^((?:[^ \\]|\\.)+) x ([^=]+)=(.*)$/.exec(line) ?? []
  if (escaped === undefined || name === undefined) return false
  const byte = (_: string, octal: string): string => String.fromCharCode(Number.parseInt(octal, 8))
  const value = shown.startsWith('0t') ? shown.slice(2).replace(/\\([0-3][0-7]{2})/g, byte) : shown
  found.add(unescaped(escaped), nameOf(Buffer.from(name, 'latin1')), value)
  return true
}

const kinds: Readonly<Record<string, DiskEntry['type']>> = {
  D: 'dir',
  R: 'file',
  S: 'symlink',
  C: 'char',
  B: 'block',
}

/** `PATH TYPE TIME MODE UID GID …`; null for the root. Spaces and backslashes of a path are escaped. */
function parseLine(line: string): Parsed | null {
  const match = /^((?:[^ \\]|\\.)+) ([A-Z]) (.*)$/.exec(line)
  if (match === null) throw damaged('a name or link of it holds a line feed')
  const [, escaped = '', letter = '', rest = ''] = match
  const path = unescaped(escaped)
  if (letter === 'L') return { ...nothing, path, type: 'file', same: unescaped(rest) }
  const facts = /^(\d+) ([0-7]{1,4}) (\d+) (\d+)(?: (.*))?$/.exec(rest)
  if (facts === null) throw damaged(`the line of "${path}" cannot be read`)
  const [, , mode = '', uid = '', gid = '', more = ''] = facts
  const owner = { mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid) }
  if (path === '/') return null
  // A pipe or socket, as the letter behind says.
  const type = letter === 'I' ? (more === 'f' ? 'fifo' : more === 's' ? 'socket' : undefined) : kinds[letter]
  if (type === undefined) throw damaged(`"${path}" is of an unknown type`)
  const entry: Parsed = { ...nothing, ...owner, path, type }
  const numbers = /^(\d+) (\d+)(?: \d+)?$/.exec(more)
  if (type === 'symlink') {
    if (more === '' || more.length > diskLimits.link) throw damaged(`the link "${path}" has no target`)
    entry.link = nameOf(Buffer.from(more, 'latin1'))
  } else if (type === 'file') {
    if (numbers === null) throw damaged(`the line of "${path}" cannot be read`)
    entry.size = Number(numbers[1])
    entry.content = { file: '', offset: Number(numbers[2]) }
  } else if (type === 'char' || type === 'block') {
    if (numbers === null) throw damaged(`the device "${path}" has no number`)
    entry.devMajor = Number(numbers[1])
    entry.devMinor = Number(numbers[2])
  }
  return entry
}

const nothing: Omit<DiskEntry, 'path' | 'type'> = {
  ...{ mode: 0, uid: 0, gid: 0, size: 0, link: '', devMajor: 0, devMinor: 0, xattrs: {}, content: null },
}

function unescaped(text: string): string {
  return nameOf(Buffer.from(text.replace(/\\(.)/g, '$1'), 'latin1'))
}

/** Hard links as files with the same content. */
function withLinks(entries: readonly Parsed[]): DiskEntry[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]))
  return entries.map(({ same, ...entry }) => {
    if (same === undefined) return entry
    const target = byPath.get(same)
    if (target === undefined || target.same !== undefined) throw damaged(`"${entry.path}" is a link to nothing`)
    const { same: _same, ...facts } = target
    return { ...facts, path: entry.path }
  })
}

import { isUtf8 } from 'node:buffer'
import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonValue } from '../base/json.ts'
import { jcsText, parseJcs } from '../encoding/jcs.ts'
import { isName } from '../tar/names.ts'
import { compareUtf8, normalisePath } from '../tar/paths.ts'
import { MergedInventory } from './merged-inventory.ts'
import type { Entries, InventoryEntry } from './types.ts'

const types: readonly InventoryEntry['type'][] = [
  ...(['file', 'dir', 'symlink', 'hardlink', 'char', 'block', 'fifo', 'socket'] as const),
]
const required = ['gid', 'mode', 'path', 'size', 'type', 'uid']
const optional = ['device', 'link', 'sha256', 'xattrs']

/** The file inventory as a document: the RFC 8785 form of each entry on a line of its own, sorted by path. Equal entries give equal bytes. */
export function inventoryBytes(entries: Entries): Buffer {
  return Buffer.concat([...inventoryChunks(entries)])
}

/** The same piece by piece: whole lines, some 1000 of them. */
export function* inventoryChunks(entries: Entries): Generator<Buffer> {
  let lines: string[] = []
  for (const entry of sorted(entries)) {
    lines.push(lineOf(entry))
    if (lines.length < linesAtOnce) continue
    yield Buffer.from(`${lines.join('\n')}\n`)
    lines = []
  }
  if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`)
}
const linesAtOnce = 1024

function sorted(entries: Entries): Iterable<InventoryEntry> {
  if (entries instanceof MergedInventory) return entries
  let last: string | null = null
  for (const { path } of entries) {
    if (last !== null && compareUtf8(last, path) >= 0) return [...entries].sort((a, b) => compareUtf8(a.path, b.path))
    last = path
  }
  return entries
}

/** The RFC 8785 form of an entry: what {@link jcsText} gives, whose members need not be sorted for each of a million lines. */
function lineOf(entry: { readonly [name in keyof InventoryEntry]?: unknown }): string {
  const { device, gid, link, mode, path, sha256, size, type, uid, xattrs } = entry
  if (!isCount(gid) || !isCount(mode) || !isCount(size) || !isCount(uid)) return jcsText(entry)
  if (!isText(path) || !isText(type) || !isText(link ?? '') || !isText(device ?? '') || !isText(sha256 ?? ''))
    return jcsText(entry)
  const first = device === undefined ? '' : `"device":${quoted(device)},`
  const target = link === undefined ? '' : `"link":${quoted(link)},`
  const digest = sha256 === undefined ? '' : `"sha256":${quoted(sha256)},`
  const last = xattrs === undefined ? '' : `,"xattrs":${jcsText(xattrs)}`
  const middle = `"mode":${mode},"path":${quoted(path)},${digest}"size":${size},"type":${quoted(type)},"uid":${uid}`
  return `{${first}"gid":${gid},${target}${middle}${last}}`
}

/** What JSON.stringify gives. Nearly all texts have nothing to escape, and seeing that takes less time. */
function quoted(value: unknown): string {
  return typeof value === 'string' && plain.test(value) ? `"${value}"` : JSON.stringify(value)
}
const plain = /^[ !#-[\]-~]*$/

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0)
}

/**
 * Reads an inventory strictly: every line in RFC 8785 form, known members only, sorted, no path twice.
 *
 * @throws VerificationError `format-invalid`, `path-escape`
 */
export function parseInventory(bytes: Uint8Array): InventoryEntry[] {
  return [...inventoryEntries(bytes)]
}

/** The same entry by entry. @throws as {@link parseInventory}, some of it only where the reading comes to it */
export function* inventoryEntries(bytes: Uint8Array): Generator<InventoryEntry> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length > 0 && buffer.at(-1) !== 0x0a) throw bad('does not end with a whole line')
  let last: string | null = null
  for (let [at, line] = [0, 1]; at < buffer.length; line++) {
    const end = buffer.indexOf(0x0a, at)
    const entry = parseEntry(buffer.subarray(at, end), line)
    if (last !== null && compareUtf8(last, entry.path) >= 0) throw bad(`is not sorted at line ${line}`)
    yield entry
    last = entry.path
    at = end + 1
  }
}

function parseEntry(line: Buffer, number: number): InventoryEntry {
  const value = parseOwn(line) ?? parseJcs(line, `line ${number} of the inventory`)
  const wrong = (what: string): VerificationError => bad(`has a wrong ${what} at line ${number}`)
  if (!isObject(value)) throw wrong('entry')
  const names = Object.keys(value)
  if (!required.every((name) => names.includes(name))) throw wrong('set of members')
  if (!names.every((name) => required.includes(name) || optional.includes(name))) throw wrong('set of members')
  for (const name of ['gid', 'mode', 'size', 'uid'])
    if (typeof value[name] !== 'number' || value[name] < 0) throw wrong(name)
  if (!types.some((type) => type === value['type'])) throw wrong('type')
  if (typeof value['path'] !== 'string' || normalisePath(value['path'], 'the inventory') !== value['path'])
    throw wrong('path')
  if (value['xattrs'] !== undefined && !isXattrs(value['xattrs'])) throw wrong('set of attributes')
  const entry = value as unknown as InventoryEntry
  const isLink = entry.type === 'symlink' || entry.type === 'hardlink'
  if (isLink ? !isLinkTarget(value['link']) : value['link'] !== undefined) throw wrong('link')
  const isDevice = entry.type === 'char' || entry.type === 'block'
  if (isDevice !== /^\d+:\d+$/.test(String(value['device']))) throw wrong('device')
  const hashed = typeof value['sha256'] === 'string' && /^sha256:[0-9a-f]{64}$/.test(value['sha256'])
  if (
    names.includes('sha256') ? !hashed || (entry.type !== 'file' && entry.type !== 'hardlink') : entry.type === 'file'
  ) {
    throw wrong('sha256')
  }
  return entry
}

/** The value of a line that is as {@link lineOf} writes it; null for all others, of which {@link parseJcs} says what is wrong. */
function parseOwn(line: Buffer): JsonValue | null {
  if (line.length > longestPlain || !isUtf8(line)) return null
  const text = line.toString('utf8')
  try {
    const value: JsonValue = JSON.parse(text)
    return isObject(value) && lineOf(value) === text ? value : null
  } catch {
    return null
  }
}
const longestPlain = 16 * 1024

function isLinkTarget(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && isName(value)
}

/** Whether these are attributes as `inventoryXattrs` gives them. */
export function isXattrs(value: JsonValue): value is Record<string, string> {
  const all = isObject(value) ? Object.entries(value) : []
  const isValue = (text: unknown): boolean =>
    typeof text === 'string' && /^(?:(?:[0-9a-f]{2}){1,64}|sha256:[0-9a-f]{64})$/.test(text)
  return all.length > 0 && all.every(([name, text]) => name !== '' && isName(name) && isValue(text))
}

export interface InventoryChange {
  path: string
  /** Members that differ. */
  fields: (keyof InventoryEntry)[]
  before: InventoryEntry
  after: InventoryEntry
}

export interface InventoryDifference {
  added: InventoryEntry[]
  removed: InventoryEntry[]
  changed: InventoryChange[]
}

/**
 * What `after` has that `before` has not, and the other way round, with the fields that changed; each list sorted by path.
 *
 * @param before sorted by path, as every inventory is; it is read once, beside `after`
 */
export function compareInventories(
  before: Iterable<InventoryEntry>,
  after: Iterable<InventoryEntry>,
): InventoryDifference {
  const difference: InventoryDifference = { added: [], removed: [], changed: [] }
  for (const [was, entry] of inventoryPairs(before, after)) {
    if (was === null) difference.added.push(entry)
    else if (entry === null) difference.removed.push(was)
    else {
      const fields = compared
        .filter((field) => was[field] !== entry[field])
        .concat(sameXattrs(was, entry) ? [] : ['xattrs'])
      if (fields.length > 0) difference.changed.push({ path: entry.path, fields, before: was, after: entry })
    }
  }
  return difference
}

/** An entry of one inventory, of the other, or one of each with the same path. */
export type InventoryPair =
  readonly [InventoryEntry, InventoryEntry] | readonly [InventoryEntry, null] | readonly [null, InventoryEntry]

/** Walks through two inventories, both sorted by path. */
export function* inventoryPairs(
  before: Iterable<InventoryEntry>,
  after: Iterable<InventoryEntry>,
): Generator<InventoryPair> {
  const [left, right] = [before[Symbol.iterator](), after[Symbol.iterator]()]
  let [one, other] = [entryOf(left), entryOf(right)]
  while (one !== null || other !== null) {
    const order = one === null ? 1 : other === null ? -1 : orderOf(one.path, other.path)
    if (order === 0 && one !== null && other !== null) yield [one, other]
    else if (order < 0 && one !== null) yield [one, null]
    else if (other !== null) yield [null, other]
    if (order <= 0) one = entryOf(left)
    if (order >= 0) other = entryOf(right)
  }
}

function orderOf(a: string, b: string): number {
  return a === b ? 0 : compareUtf8(a, b)
}

function entryOf(entries: Iterator<InventoryEntry>): InventoryEntry | null {
  const next = entries.next()
  return next.done === true ? null : next.value
}

const compared: (keyof InventoryEntry)[] = ['type', 'sha256', 'size', 'mode', 'uid', 'gid', 'link', 'device']

function sameXattrs(a: InventoryEntry, b: InventoryEntry): boolean {
  return a.xattrs === b.xattrs || jcsText(a.xattrs ?? null) === jcsText(b.xattrs ?? null)
}

function bad(why: string): VerificationError {
  return new VerificationError('format-invalid', `the file inventory ${why}`, { subject: 'inventory' })
}

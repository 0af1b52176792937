import { inventoryPairs } from '../../image/inventory.ts'
import type { Entries, InventoryEntry } from '../../image/types.ts'
import type { DocumentFile } from '../documents/model.ts'
import { weights, type Weight } from './change-list.ts'
import { leaveOut, silent, type Context } from './context.ts'
import type { FileAspect } from './policy-schema.ts'
import type { Facts, Operation } from './types.ts'

/** Members of a file by aspect; `size` follows the content. */
const members: readonly (readonly [FileAspect, (entry: InventoryEntry) => Facts])[] = [
  ['type', ({ type }) => ({ type })],
  ['content', ({ sha256, size }) => (sha256 === undefined ? {} : { sha256, size })],
  ['mode', ({ mode }) => ({ mode: modeText(mode) })],
  ['owner', ({ uid, gid }) => ({ owner: `${uid}:${gid}` })],
  ['link', ({ link }) => (link === undefined ? {} : { link })],
  ['device', ({ device }) => (device === undefined ? {} : { device })],
  ['xattrs', ({ xattrs }) => xattrs ?? {}],
]

/** Level L3: every file, by a walk over two sorted inventories; without these, the files that both documents list. */
export function compareFiles(context: Context): void {
  const { a, b } = context
  if (a.inventory !== null && b.inventory !== null) {
    if (a.inventoryDigest === null || a.inventoryDigest !== b.inventoryDigest) walk(context, a.inventory, b.inventory)
    compareNamed(context)
    return
  }
  compareListed(context)
  compareNamed(context)
}

function walk(context: Context, a: Entries, b: Entries): void {
  for (const [one, other] of inventoryPairs(a, b)) {
    if (other === null) addLone(context, 'removed', one)
    else if (one === null) addLone(context, 'added', other)
    else compareEntry(context, one, other)
  }
}

/** Whether two entries say the same; nearly all do. */
function same(a: InventoryEntry, b: InventoryEntry): boolean {
  return (
    a.sha256 === b.sha256 &&
    a.mode === b.mode &&
    a.size === b.size &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.type === b.type &&
    a.link === b.link &&
    a.device === b.device &&
    a.xattrs === undefined &&
    b.xattrs === undefined
  )
}

function compareEntry(context: Context, a: InventoryEntry, b: InventoryEntry): void {
  if (same(a, b)) return
  const [before, after]: [Facts, Facts] = [{}, {}]
  const aspects: FileAspect[] = []
  for (const [aspect, of] of members) {
    const [x, y] = [of(a), of(b)]
    const names = [...new Set([...Object.keys(x), ...Object.keys(y)])].filter((name) => x[name] !== y[name])
    if (names.length === 0) continue
    aspects.push(aspect)
    for (const name of names) {
      const [was, is] = [x[name], y[name]]
      if (was !== undefined) before[name] = was
      if (is !== undefined) after[name] = is
    }
  }
  if (aspects.length === 0) return
  const gains = privileged(b) && (!privileged(a) || aspects.includes('content') || aspects.includes('xattrs'))
  const reason = gains ? `${sayAspects(aspects)}; the file runs with rights of its own` : sayAspects(aspects)
  add(context, 'changed', b, aspects, before, after, gains, reason)
}

function sayAspects(aspects: readonly FileAspect[]): string {
  return `differs in: ${aspects.join(', ')}`
}

function addLone(context: Context, op: 'added' | 'removed', entry: InventoryEntry): void {
  const facts: Facts = Object.assign({}, ...members.map(([, of]) => of(entry)))
  const [before, after] = op === 'added' ? [null, facts] : [facts, null]
  const gains = op === 'added' && privileged(entry)
  const reason = `only ${op === 'added' ? 'B' : 'A'} has the file${gains ? ', which runs with rights of its own' : ''}`
  add(context, op, entry, [op], before, after, gains, reason)
}

function add(
  { policy, list }: Context,
  op: Operation,
  entry: InventoryEntry,
  aspects: readonly FileAspect[],
  before: Facts | null,
  after: Facts | null,
  gains: boolean,
  reason: string,
): void {
  const ruling = policy.file(entry.path, aspects, gains)
  const { severity } = ruling
  list.add(
    { level: 'files', op, key: entry.path, before, after, severity, cause: 'content', reason: ruling.reason ?? reason },
    weightOf(entry, aspects, gains),
  )
}

function weightOf(entry: InventoryEntry, aspects: readonly FileAspect[], gains: boolean): Weight {
  if (gains) return weights.privilege
  const runs = entry.type !== 'dir' && entry.type !== 'symlink' && (entry.mode & 0o111) !== 0
  if (runs) return weights.executable
  return aspects.includes('content') || aspects.includes('added') ? weights.content : weights.rest
}

/** Setuid, setgid or file capabilities: what such a file does, it does with rights that its caller need not have. */
function privileged(entry: InventoryEntry): boolean {
  if (entry.type !== 'file' && entry.type !== 'hardlink') return false
  return (entry.mode & 0o6000) !== 0 || entry.xattrs?.['security.capability'] !== undefined
}

/** As `chmod` takes it. */
function modeText(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

/** Inventories that the documents name, where they were not both compared file by file. */
function compareNamed({ a, b, list, policy, notes }: Context): void {
  const named = [a, b].map(({ document, inventoryDigest }) => document?.inventory ?? inventoryDigest)
  for (const { document, inventoryDigest, label } of [a, b]) {
    const digest = document?.inventory ?? null
    if (digest === null || inventoryDigest === null || digest === inventoryDigest) continue
    const what = { level: 'files', op: 'changed', key: 'inventory', cause: 'content' } as const
    const reason = `the document "${label}" names another file inventory than the one at hand`
    list.add(
      { ...what, before: { digest }, after: { digest: inventoryDigest }, severity: policy.level('files'), reason },
      weights.subject,
    )
  }
  const [x, y] = named
  if (x === undefined || y === undefined || x === null || y === null || x === y) return
  if (a.inventory !== null && b.inventory !== null) return
  const what = { level: 'files', op: 'changed', key: 'inventory', cause: 'content' } as const
  const reason = 'the documents name different file inventories'
  list.add(
    { ...what, before: { digest: x }, after: { digest: y }, severity: policy.level('files'), reason },
    weights.subject,
  )
  notes.push('Give both file inventories to see which files differ.')
}

/** Files that documents list themselves: rarely all, so that only those on both sides, or against a whole inventory, say something. */
function compareListed(context: Context): void {
  const { a, b } = context
  const named =
    (a.document?.inventory ?? a.inventoryDigest) !== null && (b.document?.inventory ?? b.inventoryDigest) !== null
  const [listA, listB] = [a.document?.files ?? null, b.document?.files ?? null]
  const [hasA, hasB] = [a.inventory !== null || listA !== null, b.inventory !== null || listB !== null]
  const why = silent(hasA, hasB)
  if (why !== null) {
    if (!named) leaveOut(context, 'files', 'files', why)
    else if (a.inventoryDigest === null || b.inventoryDigest === null)
      leaveOut(context, 'files', 'single files', 'an inventory is named by its digest, but not at hand')
    return
  }
  const left = a.inventory === null ? listedFiles(listA ?? []) : inventoryFiles(a.inventory)
  const right = b.inventory === null ? listedFiles(listB ?? []) : inventoryFiles(b.inventory)
  const whole = [a.inventory !== null, b.inventory !== null]
  for (const [path, checksums] of left) {
    const other = right.get(path)
    if (other === undefined) {
      if (whole[1] === true && whole[0] === false) addListed(context, 'removed', path, checksums, null)
    } else compareListedFile(context, path, checksums, other)
  }
  if (whole[0] === true && whole[1] === false)
    for (const [path, checksums] of right) if (!left.has(path)) addListed(context, 'added', path, null, checksums)
  leaveOut(context, 'files', 'files that only one side lists', 'the documents do not list all files')
}

type Sums = ReadonlyMap<string, string>

function listedFiles(files: readonly DocumentFile[]): Map<string, Sums> {
  return new Map(
    files.map(({ path, checksums }) => [path, new Map(checksums.map(({ algorithm, value }) => [algorithm, value]))]),
  )
}

function inventoryFiles(entries: Entries): Map<string, Sums> {
  const files = new Map<string, Sums>()
  for (const { path, sha256 } of entries)
    files.set(path, new Map(sha256 === undefined ? [] : [['SHA-256', sha256.slice(7)]]))
  return files
}

function compareListedFile(context: Context, path: string, a: Sums, b: Sums): void {
  for (const [algorithm, value] of a) {
    const other = b.get(algorithm)
    if (other === undefined || other === value) continue
    addListed(context, 'changed', path, new Map([[algorithm, value]]), new Map([[algorithm, other]]))
    return
  }
}

function addListed({ policy, list }: Context, op: Operation, path: string, a: Sums | null, b: Sums | null): void {
  const ruling = policy.file(path, [op === 'added' || op === 'removed' ? op : 'content'], false)
  list.add(
    {
      level: 'files',
      op,
      key: path,
      before: a === null ? null : Object.fromEntries(a),
      after: b === null ? null : Object.fromEntries(b),
      severity: ruling.severity,
      cause: 'content',
      reason: ruling.reason ?? (op === 'changed' ? 'differs in: content' : 'only one side has the file'),
    },
    weights.content,
  )
}

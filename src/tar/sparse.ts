import type { PaxRecords } from './pax.ts'

/** A part of a sparse file that has bytes of its own in the archive. */
export interface Fragment {
  offset: number
  length: number
}

/** A sparse file in one of GNU's pax forms. */
export interface SparseForm {
  /** The map where pax records hold it (0.0, 0.1); null where it stands before the content (1.0). */
  map: Fragment[] | null
  /** Name and size of the file, where given. */
  name: string | undefined
  size: string | undefined
}

/** Most fragments of one file, and most bytes of a map before a file's content. */
export const sparseLimits = { fragments: 1 << 16, map: 1 << 20 } as const

/**
 * The sparse form that pax records announce, as Go's archive/tar has it; null for a plain file, `unknown` where GNU's records are there and
 * say nothing that Go understands.
 */
export function sparseForm(records: PaxRecords): SparseForm | 'unknown' | 'broken' | null {
  let any = false
  for (const key of records.keys()) any ||= key.startsWith('GNU.sparse.')
  if (!any) return null
  const get = (key: string): string | undefined => records.get(`GNU.sparse.${key}`) || undefined
  const [major, minor] = [get('major'), get('minor')]
  const common = { name: get('name'), size: get('size') ?? get('realsize') }
  if (major === '1' && minor === '0') return { map: null, ...common }
  const old = major === '0' && (minor === '0' || minor === '1')
  if (!old && (major !== undefined || minor !== undefined || get('map') === undefined)) return 'unknown'
  const numbers = (get('map') ?? '').split(',').filter((text, _i, all) => text !== '' || all.length > 1)
  const count = decimal(get('numblocks') ?? '')
  if (count === null || numbers.length !== 2 * count) return 'broken'
  const map = fragments(numbers)
  return map === null ? 'broken' : { map, ...common }
}

/**
 * Reads the map before the content of a 1.0 file: a count, then offset and length of each fragment, each decimal and ended by a newline, in
 * as many blocks of 512 bytes as that takes.
 *
 * @param next the next block; null where the content has no more
 * @returns null where the map is broken
 */
export async function readMap(next: () => Promise<Buffer | null>): Promise<{ map: Fragment[]; bytes: number } | null> {
  const blocks: Buffer[] = []
  let lines = 0
  let wanted = 1
  let count: number | null = null
  while (lines < wanted) {
    const block = blocks.length * 512 < sparseLimits.map ? await next() : null
    if (block === null) return null
    blocks.push(Buffer.from(block))
    for (const byte of block) if (byte === 0x0a) lines++
    if (count !== null || lines === 0) continue
    count = decimal(Buffer.concat(blocks).toString('latin1').split('\n', 1)[0] ?? '')
    if (count === null || count > sparseLimits.fragments) return null
    wanted = 1 + 2 * count
  }
  const numbers = Buffer.concat(blocks).toString('latin1').split('\n', wanted)
  const map = fragments(numbers.slice(1))
  return map === null ? null : { map, bytes: blocks.length * 512 }
}

function fragments(numbers: readonly string[]): Fragment[] | null {
  if (numbers.length > 2 * sparseLimits.fragments) return null
  const map: Fragment[] = []
  for (let i = 0; i < numbers.length; i += 2) {
    const offset = decimal(numbers[i] ?? '')
    const length = decimal(numbers[i + 1] ?? '')
    if (offset === null || length === null) return null
    map.push({ offset, length })
  }
  return map
}

/** Whether the fragments are in order, do not overlap, lie in the file, and are all that the archive holds of it. */
export function fits(map: readonly Fragment[], size: number, stored: number): boolean {
  let end = 0
  let sum = 0
  for (const { offset, length } of map) {
    if (offset < end || offset + length > size) return false
    end = offset + length
    sum += length
  }
  return sum === stored
}

function decimal(text: string): number | null {
  return /^\d{1,15}$/.test(text) ? Number(text) : null
}

import { encodeCbor } from './write.ts'
import { CborFloat, CborSimple, CborTag, type CborItem, type CborValue } from './types.ts'

/** What an item means, as a value that can be written again. */
export function valueOf(item: CborItem): CborValue {
  switch (item.kind) {
    case 'integer':
    case 'bytes':
    case 'text':
      return item.value
    case 'array':
      return item.items.map(valueOf)
    case 'map':
      return new Map(item.entries.map(([key, value]) => [valueOf(key), valueOf(value)]))
    case 'tag':
      return new CborTag(item.tag, valueOf(item.item))
    case 'float':
      return new CborFloat(item.value)
    case 'simple':
      return simpleValues.has(item.value) ? simpleValues.get(item.value) : new CborSimple(item.value)
  }
}

const simpleValues: ReadonlyMap<number, CborValue> = new Map<number, CborValue>([
  [20, false],
  [21, true],
  [22, null],
  [23, undefined],
])

/** A name that two keys share exactly if they are equal, whatever form each was sent in. */
export function keyOf(item: CborItem): string {
  if (item.kind === 'integer') return `i${item.value}`
  if (item.kind === 'text') return `t${item.value}`
  return `x${encodeCbor(valueOf(item)).toString('hex')}`
}

/** The document with one item replaced; all other bytes stay as they are. @param replacement one encoded item */
export function replaceItem(bytes: Uint8Array, { offset, end }: CborItem, replacement: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, offset), replacement, bytes.subarray(end)])
}

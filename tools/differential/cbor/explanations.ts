import type { CborItem } from '../../../src/encoding/cbor/types.ts'
import type { Reading } from './run.ts'

/** The known reasons for which a peer reads otherwise than we do. Each names the peer's own rule, never ours to be bent. */
export function explanationOf(ours: Reading, theirs: Reading, peer: string): string | null {
  if ('refusal' in ours) return 'text' in theirs ? weRefuse(ours.refusal, peer) : null
  if ('refusal' in theirs) return theyRefuse(ours.item, theirs.refusal, peer)
  // TextDecoder drops it unless told not to.
  if (peer === 'cborg' && ours.text.replaceAll('\ufeff', '') === theirs.text.replaceAll('\ufeff', ''))
    return 'cborg drops a byte order mark'
  return null
}

function weRefuse(refusal: string, peer: string): string | null {
  if (refusal.includes('a float is not in its shortest form'))
    return peer === 'cborg' ? 'cborg takes long floats' : 'cbor2 takes a NaN with a payload'
  if (refusal.includes('it nests more than')) return 'our limit of depth'
  if (peer === 'cborg' && refusal.includes('is not UTF-8')) return 'cborg takes text that is not UTF-8'
  if (peer === 'cborg' && refusal.includes('a key twice')) return 'cborg compares composite keys by identity'
  return null
}

function theyRefuse(item: CborItem | undefined, refusal: string, peer: string): string | null {
  if (peer === 'cborg' && refusal.includes('simple values are not supported')) return 'cborg knows no simple values'
  if (refusal.includes('uplicate') && item !== undefined && hasFloatKey(item))
    return `${peer} takes a float key for an integer`
  return null
}

function hasFloatKey(item: CborItem): boolean {
  if (item.kind === 'array') return item.items.some(hasFloatKey)
  if (item.kind === 'tag') return hasFloatKey(item.item)
  return (
    item.kind === 'map' &&
    item.entries.some(([key, value]) => key.kind === 'float' || hasFloatKey(key) || hasFloatKey(value))
  )
}

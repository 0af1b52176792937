import { LabelMap } from '../../encoding/cbor/label-map.ts'
import { readCbor } from '../../encoding/cbor/read.ts'
import type { CborValue } from '../../encoding/cbor/types.ts'
import { encodeCbor } from '../../encoding/cbor/write.ts'
import { VerificationError } from '../../base/errors.ts'

/** Why a service did not do what it was asked (RFC 9290): both texts are the service's own. */
export interface Problem {
  readonly title: string | null
  readonly detail: string | null
}

/** Media type of concise problem details (RFC 9290 §6.3). */
export const problemMediaType = 'application/concise-problem-details+cbor'

/** Writes concise problem details (RFC 9290 §2). */
export function writeProblem(title: string, detail: string): Buffer {
  return encodeCbor(
    new Map<CborValue, CborValue>([
      [-1, title],
      [-2, detail],
    ]),
  )
}

/** Reads concise problem details; a body of another form says nothing. */
export function readProblem(body: Uint8Array): Problem {
  try {
    const map = new LabelMap(readCbor(body, 'the answer', { indefinite: true, longForms: true }), 'the answer')
    return { title: textOf(map, -1), detail: textOf(map, -2) }
  } catch (error) {
    if (error instanceof VerificationError) return { title: null, detail: null }
    throw error
  }
}

/** RFC 9290 §2: a text, or a text with a language under tag 38. */
function textOf(map: LabelMap, label: number): string | null {
  const item = map.get(label)
  const inner = item?.kind === 'tag' && item.tag === 38 && item.item.kind === 'array' ? item.item.items[1] : item
  return inner?.kind === 'text' ? inner.value.slice(0, 500) : null
}

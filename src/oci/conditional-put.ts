import { TransportError } from '../base/errors.ts'
import type { Digest } from './types.ts'
import type { PutAs } from './put-manifest.ts'

/** Where a tag stood when its writer read it. */
export interface Standing {
  readonly digest: Digest
  /** The registry's own name of that state (RFC 9110 §8.8.3), where it gave one. */
  readonly etag?: string | null | undefined
}

interface Tools {
  /** PUT of a manifest; 201, or 412 where conditions were given. Anything else throws. */
  putAs: PutAs
  digestOf(reference: string): Promise<Digest | null>
}

/** Writes tags only where they still stand as their writer saw them, on registries that can do that. */
export interface ConditionalPut {
  /** Whether the registry keeps writers apart; null until a write has shown it. */
  readonly exact: boolean | null
  /** @returns false where the tag stands elsewhere by now: read it again */
  put(tag: string, bytes: Uint8Array, mediaType: string, from: Standing | null): Promise<boolean>
}

/** An entity tag of no manifest. */
const nobody = `"sha256:${'0'.repeat(64)}"`

/**
 * `If-Match` is optional (distribution-spec 1.1), and a registry that ignores it answers as one that honours it. So the first write itself is made with
 * a condition that cannot hold: 412 shows that conditions are honoured, and the write is made again with the true one; 201 shows that they are
 * not, and the write is done, as it would have been without.
 */
export function openConditionalPut({ putAs, digestOf }: Tools): ConditionalPut {
  let exact: boolean | null = null

  const probe = async (tag: string, bytes: Uint8Array, mediaType: string): Promise<boolean> => {
    try {
      return (await putAs(tag, bytes, mediaType, { 'if-match': nobody })).status !== 412
    } catch (error) {
      // Some gateways refuse requests with conditions; what else is wrong comes again without them.
      if (!(error instanceof TransportError) || error.code !== 'registry-error') throw error
      await putAs(tag, bytes, mediaType)
      return true
    }
  }

  const put = async (tag: string, bytes: Uint8Array, mediaType: string, from: Standing | null): Promise<boolean> => {
    if (exact === null) {
      const written = await probe(tag, bytes, mediaType)
      exact = !written
      if (written) return true
    }
    if (exact) {
      const strong = from?.etag?.startsWith('"') === true ? from.etag : `"${from?.digest}"`
      const conditions: Record<string, string> = from === null ? { 'if-none-match': '*' } : { 'if-match': strong }
      if ((await putAs(tag, bytes, mediaType, conditions)).status !== 412) return true
      if ((await digestOf(tag)) !== (from?.digest ?? null)) return false
      // It refuses a condition that holds: it does not understand them.
      exact = false
    }
    await putAs(tag, bytes, mediaType)
    return true
  }

  return {
    get exact() {
      return exact
    },
    put,
  }
}

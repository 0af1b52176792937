import { InputError } from '../base/errors.ts'
import { ifAuthorized } from './call.ts'
import type { KbsAdmin } from './client.ts'
import { parseKbsUri } from './uri.ts'

/** Keeps two jobs from writing their keys under one path. */
export interface WrittenKeys {
  /** @throws InputError `state-conflict` where an earlier job wrote its key there; TransportError where the KBS does not answer */
  checkFree(uri: string): Promise<void>
  mark(uri: string): Promise<void>
}

/** For a KBS whose owner can look into it, and for sources that may be written again. */
export const noMarks: WrittenKeys = { checkFree: () => Promise.resolve(), mark: () => Promise.resolve() }

/** Reference value that stands where a fresh key was written under a URI. */
export const keyMark = (uri: string): string => `sealwright/resource/${parseKbsUri(uri).join('/')}`

/**
 * Marks of fresh keys as reference values: a KBS overwrites silently, and a key that is gone makes every image unreadable that it was for. The mark says
 * that a key was written, and nothing about it. A credential that may not read or write reference values goes without.
 */
export function markedKeys(kbs: Pick<KbsAdmin, 'referenceValue' | 'setReferenceValue'>): WrittenKeys {
  return {
    checkFree: async (uri) => {
      if ((await ifAuthorized(kbs.referenceValue(keyMark(uri)), null)) === null) return
      throw new InputError(
        'state-conflict',
        `${uri} holds the key of an earlier job, whose images would become unreadable`,
        {
          subject: uri,
          remedy:
            'Use a path of its own for each release, in `recipients` and in the plan. Where no image of the earlier key is needed any more, write `overwrite: true` into its entry.',
        },
      )
    },
    mark: async (uri) => {
      await ifAuthorized(kbs.setReferenceValue(keyMark(uri), 'written'), null)
    },
  }
}

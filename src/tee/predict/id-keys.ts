import { InputError } from '../../base/errors.ts'
import { idKeyDigest } from '../measure/id-key.ts'
import type { NamedFile } from './files.ts'

/** Keys that sign the ID block of an SEV-SNP guest, as PEM files of EC P-384 keys. */
export interface IdKeys {
  readonly id: NamedFile | null
  /** Signs the ID key. */
  readonly author: NamedFile | null
}

/**
 * Digests of the keys that sign an ID block, as a report shows them (SEV-SNP firmware ABI, ID_KEY_DIGEST and AUTHOR_KEY_DIGEST).
 *
 * @returns `id-key-digest` and `author-key-digest` in lower-case hex, each only where its key is given
 * @throws InputError `file-invalid` for a key that is not on P-384, `input-missing` for an author key without an ID key
 */
export function idKeyDigests({ id, author }: IdKeys): Record<string, string> {
  const digest = (file: NamedFile): string => idKeyDigest(file.bytes.toString('utf8'), file.name).toString('hex')
  const found = {
    ...(id === null ? {} : { 'id-key-digest': digest(id) }),
    ...(author === null ? {} : { 'author-key-digest': digest(author) }),
  }
  if (author === null || id !== null) return found
  throw new InputError('input-missing', 'the author key needs the ID key: it signs that key', {
    subject: 'id-key',
    remedy: 'Give the ID key too, or leave the author key out.',
  })
}

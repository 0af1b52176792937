import type { RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { idKeyDigest } from '../../tee/measure/id-key.ts'
import { optionFile } from '../option-file.ts'

/** Digests of the keys that sign an ID block, as the report shows them. */
export async function readIdKeys(inputs: RawInputs): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const name of ['id-key', 'author-key']) {
    if (inputs.text(name) === '') continue
    const pem = (await optionFile(inputs, name)).toString('utf8')
    found[`${name}-digest`] = idKeyDigest(pem, inputs.text(name)).toString('hex')
  }
  if (found['author-key-digest'] !== undefined && found['id-key-digest'] === undefined) {
    throw new InputError('input-missing', '--author-key needs --id-key: it signs that key', {
      subject: 'id-key',
      remedy: 'Give --id-key too, or leave --author-key out.',
    })
  }
  return found
}

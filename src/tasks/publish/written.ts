import { readFile } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import { parseJson } from '../../base/json.ts'
import { writtenSchema, type Written } from '../../kbs/apply.ts'

/** What an earlier run wrote to a KBS, by the file in which it kept that; null for none. @throws InputError `state-conflict` for a file that is damaged */
export async function readWritten(path: string): Promise<Written | null> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  const found = writtenSchema.safeParse(parseJson(text, path, 'input'))
  if (found.success) return found.data
  throw new InputError('state-conflict', `"${path}" does not say what was written to this KBS`, {
    subject: path,
    cause: found.error,
    remedy: 'Remove the file: everything is then written again.',
  })
}

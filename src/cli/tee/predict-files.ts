import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { RawInputs } from '../../doors/context.ts'
import type { Bank } from '../../tee/measure/pe.ts'
import type { HashedFile, NamedFile } from '../../tee/predict/files.ts'
import type { IdKeys } from '../../tee/predict/id-keys.ts'
import { missingFile, optionFile } from '../option-file.ts'

/** The file that an option names, with its content. @throws InputError `file-missing` */
export async function namedFile(inputs: RawInputs, name: string): Promise<NamedFile> {
  return { name: inputs.text(name), bytes: await optionFile(inputs, name) }
}

/** The same, null where the option is not given. @throws InputError `file-missing` */
export async function namedFileIfGiven(inputs: RawInputs, name: string): Promise<NamedFile | null> {
  return inputs.text(name) === '' ? null : namedFile(inputs, name)
}

/**
 * Size and digests of the file that an option names, null where the option is not given. The file is read once, as a stream.
 *
 * @throws InputError `file-missing`
 */
export async function hashedFile(inputs: RawInputs, name: string, banks: readonly Bank[]): Promise<HashedFile | null> {
  if (inputs.text(name) === '') return null
  const path = inputs.path(name)
  const sums = new Map(banks.map((bank) => [bank, createHash(bank)]))
  let size = 0
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      for (const sum of sums.values()) sum.update(chunk)
      size += chunk.length
    }
  } catch (cause) {
    throw missingFile(path, name, cause)
  }
  return { name: inputs.text(name), size, digests: new Map([...sums].map(([bank, sum]) => [bank, sum.digest()])) }
}

/** Reads `--id-key` and `--author-key`. @throws InputError `file-missing` */
export async function readIdKeys(inputs: RawInputs): Promise<IdKeys> {
  return { id: await namedFileIfGiven(inputs, 'id-key'), author: await namedFileIfGiven(inputs, 'author-key') }
}

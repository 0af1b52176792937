import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { RawInputs } from '../../actions/context.ts'
import { InputError } from '../../base/errors.ts'
import type { Bank } from '../../tee/measure/pe.ts'

/** Content of the file that an option names. @throws InputError `file-missing` */
export async function optionFile(inputs: RawInputs, name: string): Promise<Buffer> {
  const path = inputs.path(name)
  return readFile(path).catch((cause: unknown) => {
    throw missing(name, path, cause)
  })
}

/** Digest and size of the file that an option names, read as a stream; null where the option is not given. */
export async function optionDigest(
  inputs: RawInputs,
  name: string,
  bank: Bank,
): Promise<{ digest: Buffer; size: number } | null> {
  if (inputs.text(name) === '') return null
  const path = inputs.path(name)
  const sum = createHash(bank)
  let size = 0
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      sum.update(chunk)
      size += chunk.length
    }
  } catch (cause) {
    throw missing(name, path, cause)
  }
  return { digest: sum.digest(), size }
}

function missing(name: string, path: string, cause: unknown): InputError {
  return new InputError('file-missing', `${path} cannot be read`, {
    subject: name,
    cause,
    remedy: `Name a file for --${name}.`,
  })
}

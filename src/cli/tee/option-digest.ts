import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { RawInputs } from '../../doors/context.ts'
import type { Bank } from '../../tee/measure/pe.ts'
import { missingFile } from '../option-file.ts'

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
    throw missingFile(path, name, cause)
  }
  return { digest: sum.digest(), size }
}

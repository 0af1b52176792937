import type { ReadAt } from './partitions.ts'
import { damaged } from './refusals.ts'

/** Some bytes of a file system, all of them. @throws VerificationError `format-invalid` where it ends before */
export async function exactly(read: ReadAt, offset: number, length: number): Promise<Buffer> {
  const bytes = await read(offset, length)
  if (bytes.length !== length) throw damaged('it points behind its end')
  return bytes
}

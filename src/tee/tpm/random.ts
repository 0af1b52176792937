import { ByteReader } from '../byte-reader.ts'
import { u16 } from './bytes.ts'
import type { Tpm } from './tpm.ts'

/** Random bytes of the TPM's own generator (Part 3 §16.1), at most 32 at once. */
export async function tpmRandom(tpm: Tpm, count: number): Promise<Buffer> {
  const { parameters } = await tpm.run({ name: 'GetRandom', parameters: u16(count) })
  const reader = new ByteReader(parameters, 'response to TPM2_GetRandom', 'BE')
  const bytes = reader.sized16('random bytes', 64)
  reader.end()
  if (bytes.length !== count) throw reader.refuse(`${bytes.length} bytes, not ${count}`)
  return bytes
}

import { ByteReader } from '../byte-reader.ts'
import { parsePublic, type TpmPublic } from '../verify/tpm/public.ts'
import { sized, u32 } from './bytes.ts'
import { emptyPassword } from './command.ts'
import { handles } from './constants.ts'
import type { Tpm } from './tpm.ts'

/** A key inside the TPM. Who made it flushes it: memory there is for about three. */
export interface LoadedKey {
  handle: number
  /** TPMT_PUBLIC as the TPM gave it: its hash is the key's Name. */
  area: Buffer
  public: TpmPublic
}

export type Hierarchy = 'owner' | 'endorsement' | 'null'

/** Makes (or makes again) the primary key of a template (Part 3 §24.1). @param template TPMT_PUBLIC */
export async function createPrimary(tpm: Tpm, hierarchy: Hierarchy, template: Buffer): Promise<LoadedKey> {
  const { handles: made, parameters } = await tpm.run({
    name: 'CreatePrimary',
    handles: [handles[hierarchy]],
    authorizations: [emptyPassword],
    // Empty password and data of the key, no outside information, no PCRs of its creation.
    parameters: Buffer.concat([sized(sized(), sized()), sized(template), sized(), u32(0)]),
    responseHandles: 1,
  })
  const handle = made[0] ?? 0
  const area = new ByteReader(parameters, 'response to TPM2_CreatePrimary', 'BE').sized16('public area', 2048)
  try {
    return { handle, area, public: parsePublic(area) }
  } catch (error) {
    await flush(tpm, handle)
    throw error
  }
}

/** Public area of a key that is loaded or persistent (Part 3 §12.4). @throws TpmError `HANDLE` where there is none */
export async function readPublic(tpm: Tpm, handle: number): Promise<LoadedKey> {
  const { parameters } = await tpm.run({ name: 'ReadPublic', handles: [handle] })
  const reader = new ByteReader(parameters, 'response to TPM2_ReadPublic', 'BE')
  const area = reader.sized16('public area', 2048)
  const name = reader.sized16('name', 66)
  reader.sized16('qualified name', 66)
  reader.end()
  const key = { handle, area, public: parsePublic(area) }
  if (!name.equals(key.public.name)) throw reader.refuse('the name is not of the public area')
  return key
}

/** Takes a key or session out of the TPM's memory (Part 3 §28.4). */
export async function flush(tpm: Tpm, handle: number): Promise<void> {
  await tpm.run({ name: 'FlushContext', parameters: u32(handle) })
}

/** Makes a primary key, uses it, and takes it out again whatever happens. */
export async function withPrimary<T>(
  tpm: Tpm,
  hierarchy: Hierarchy,
  template: Buffer,
  use: (key: LoadedKey) => Promise<T>,
): Promise<T> {
  const key = await createPrimary(tpm, hierarchy, template)
  try {
    return await use(key)
  } finally {
    await flush(tpm, key.handle)
  }
}

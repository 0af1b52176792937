import { TransportError } from '../../base/errors.ts'
import { ByteReader } from '../byte-reader.ts'
import { sized, u16, u32 } from './bytes.ts'
import { emptyPassword, TpmError } from './command.ts'
import { handles } from './constants.ts'
import type { Tpm } from './tpm.ts'

/** TPMS_NV_PUBLIC (Part 2 §13.6). */
export interface NvPublic {
  index: number
  /** TPMA_NV bits. */
  attributes: number
  /** Bytes. */
  size: number
}

/** TPMA_NV (Part 2 §13.4) of an index that the owner may read and write without password. */
export const ownerReadWrite = 0x00020002
const bits = { ppRead: 1 << 16, ownerRead: 1 << 17, authRead: 1 << 18, ownerWrite: 1 << 1 } as const
/** Every TPM reads and writes at least this much at once; most take 1024 or more. */
const piece = 512

/** What an index is, or null where it is not defined (Part 3 §31.6). */
export async function nvPublic(tpm: Tpm, index: number): Promise<NvPublic | null> {
  try {
    const { parameters } = await tpm.run({ name: 'NV_ReadPublic', handles: [index] })
    const outer = new ByteReader(parameters, 'response to TPM2_NV_ReadPublic', 'BE')
    const reader = new ByteReader(outer.sized16('NV public area', 256), 'NV public area', 'BE')
    if (reader.u32('index') !== index) throw reader.refuse('another index')
    reader.u16('nameAlg')
    const attributes = reader.u32('attributes')
    reader.sized16('policy', 64)
    const size = reader.u16('size')
    reader.end()
    return { index, attributes, size }
  } catch (error) {
    if (error instanceof TpmError && error.is('HANDLE')) return null
    throw error
  }
}

/**
 * Contents of an index, by its own empty password where it allows that, else the owner's (Part 3 §31.13); null where it is not defined
 * or was never written.
 */
export async function nvRead(tpm: Tpm, index: number): Promise<Buffer | null> {
  const area = await nvPublic(tpm, index)
  if (area === null) return null
  const reader = (area.attributes & bits.authRead) !== 0 ? index : handles.owner
  const parts: Buffer[] = []
  try {
    for (let at = 0; at < area.size; at += piece) {
      const size = Math.min(piece, area.size - at)
      const { parameters } = await tpm.run({
        name: 'NV_Read',
        handles: [reader, index],
        authorizations: [emptyPassword],
        parameters: Buffer.concat([u16(size), u16(at)]),
      })
      const response = new ByteReader(parameters, 'response to TPM2_NV_Read', 'BE')
      const part = response.sized16('data', size)
      response.end()
      if (part.length !== size) throw response.refuse(`${part.length} bytes, not the ${size} asked for`)
      parts.push(part)
    }
  } catch (error) {
    if (error instanceof TpmError && error.is('NV_UNINITIALIZED')) return null
    throw error
  }
  return Buffer.concat(parts)
}

/** Defines an ordinary index under the owner, who has the empty password (Part 3 §31.3). @param size bytes */
export async function nvDefine(tpm: Tpm, index: number, size: number, attributes = ownerReadWrite): Promise<void> {
  const area = Buffer.concat([u32(index), u16(0x0b), u32(attributes), sized(), u16(size)])
  await tpm.run({
    name: 'NV_DefineSpace',
    handles: [handles.owner],
    authorizations: [emptyPassword],
    parameters: Buffer.concat([sized(), sized(area)]),
  })
}

/** Removes an index of the owner's (Part 3 §31.4). */
export async function nvUndefine(tpm: Tpm, index: number): Promise<void> {
  await tpm.run({
    name: 'NV_UndefineSpace',
    handles: [handles.owner, index],
    authorizations: [emptyPassword],
  })
}

/**
 * Writes to an index from its beginning, by the owner's empty password (Part 3 §31.7).
 *
 * @throws TransportError `tool-failed` when it is not defined or too small: nothing is written then
 */
export async function nvWrite(tpm: Tpm, index: number, bytes: Uint8Array): Promise<void> {
  const size = (await nvPublic(tpm, index))?.size ?? 0
  if (size < bytes.length) {
    throw new TransportError(
      'tool-failed',
      `NV index 0x${index.toString(16)} takes ${size} bytes, not ${bytes.length}`,
      {
        subject: tpm.transport.name,
      },
    )
  }
  for (let at = 0; at < bytes.length; at += piece) {
    await tpm.run({
      name: 'NV_Write',
      handles: [handles.owner, index],
      authorizations: [emptyPassword],
      parameters: Buffer.concat([sized(bytes.subarray(at, at + piece)), u16(at)]),
    })
  }
}

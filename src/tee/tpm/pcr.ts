import { TransportError } from '../../base/errors.ts'
import { ByteReader } from '../byte-reader.ts'
import { hashId, hashSize, type BankHash } from '../eventlog/hashes.ts'
import { readSelection, type PcrSelection } from '../verify/tpm/selection.ts'
import { u16, u32, u8 } from './bytes.ts'
import { emptyPassword } from './command.ts'
import type { Tpm } from './tpm.ts'

/** A PC's 24 PCRs: the only selection that Trustee's list of values can express. */
export const everyPcr: readonly number[] = Array.from({ length: 24 }, (_unused, pcr) => pcr)

/** TPML_PCR_SELECTION with bitmaps of 3 bytes: 24 PCRs, as a PC has them. */
export function encodeSelection(selection: readonly PcrSelection[]): Buffer {
  const banks = selection.map(({ hash, pcrs }) => {
    const bitmap = Buffer.alloc(3)
    for (const pcr of pcrs) bitmap[pcr >> 3] = (bitmap[pcr >> 3] ?? 0) | (1 << (pcr & 7))
    return Buffer.concat([u16(hashId(hash)), u8(3), bitmap])
  })
  return Buffer.concat([u32(banks.length), ...banks])
}

/**
 * Values of PCRs of one bank (Part 3 §22.4: at most eight an answer), in one state: when the update counter moves between two
 * answers, all are read again.
 *
 * @throws TransportError `tool-failed` when the TPM has no such bank or does not come to rest
 */
export async function readPcrs(tpm: Tpm, hash: BankHash, pcrs: readonly number[]): Promise<Map<number, Buffer>> {
  for (let n = 0; n < 10; n++) {
    const values = await readOnce(tpm, hash, pcrs)
    if (values !== null) return values
  }
  throw new TransportError('tool-failed', 'the PCRs kept changing while they were read', {
    subject: tpm.transport.name,
    remedy: 'Stop what extends PCRs all the time (an IMA policy that measures everything), and try again.',
  })
}

async function readOnce(tpm: Tpm, hash: BankHash, pcrs: readonly number[]): Promise<Map<number, Buffer> | null> {
  const values = new Map<number, Buffer>()
  let counter: number | null = null
  let left = [...pcrs]
  while (left.length > 0) {
    const { parameters } = await tpm.run({ name: 'PCR_Read', parameters: encodeSelection([{ hash, pcrs: left }]) })
    const reader = new ByteReader(parameters, 'response to TPM2_PCR_Read', 'BE')
    const now = reader.u32('pcrUpdateCounter')
    if (counter !== null && now !== counter) return null
    counter = now
    const read = readSelection(reader).find((bank) => bank.hash === hash)?.pcrs ?? []
    const count = reader.u32('count of digests')
    if (count !== read.length) throw reader.refuse(`${count} values of ${read.length} PCRs`)
    for (const pcr of read) {
      const value = reader.sized16(`PCR ${pcr}`, 64)
      if (!left.includes(pcr) || value.length !== hashSize(hash)) throw reader.refuse(`PCR ${pcr} of another form`)
      values.set(pcr, value)
    }
    reader.end()
    // A bank that is not there gives nothing, without an error.
    if (read.length === 0) {
      throw new TransportError('tool-failed', `the TPM has no ${hash} value of PCR ${left.join(', ')}`, {
        subject: tpm.transport.name,
        remedy: `Switch the ${hash} bank on in the firmware setup (tpm2_pcrallocate shows them).`,
      })
    }
    left = left.filter((pcr) => !read.includes(pcr))
  }
  return values
}

/** Extends a PCR, each bank with a digest of its own algorithm (Part 3 §22.2). A bank left out keeps its value: give all that are active. */
export async function extendPcr(tpm: Tpm, pcr: number, digests: ReadonlyMap<BankHash, Buffer>): Promise<void> {
  const values = [...digests].map(([hash, digest]) => Buffer.concat([u16(hashId(hash)), digest]))
  await tpm.run({
    name: 'PCR_Extend',
    handles: [pcr],
    authorizations: [emptyPassword],
    parameters: Buffer.concat([u32(values.length), ...values]),
  })
}

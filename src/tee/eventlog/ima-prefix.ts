import { digestOf, hashSize, type BankHash } from './hashes.ts'
import { extension, parseIma, type ImaRule } from './ima.ts'

/**
 * The beginning of a measurement list that leads to an attested value. The kernel goes on measuring between a quote and the reading of the
 * list, and a list that is longer than what was quoted replays to nothing.
 *
 * @param value of PCR 10 in this bank
 * @returns a view of the list; null where no beginning leads there
 * @throws VerificationError `format-invalid`
 */
export function imaPrefix(bytes: Uint8Array, hash: BankHash, value: Uint8Array, pcr = 10): Buffer | null {
  const list = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wanted = Buffer.from(value)
  const rules: readonly ImaRule[] = ['own-hash', 'padded-sha1']
  const reached = new Map<ImaRule, Buffer>(rules.map((rule) => [rule, Buffer.alloc(hashSize(hash))]))
  const there = (): boolean => [...reached.values()].some((one) => one.equals(wanted))
  let end = 0
  let found = there() ? 0 : null
  for (const entry of parseIma(list)) {
    // PCR, template hash, and name and data behind their lengths.
    end += 32 + entry.template.length + entry.data.length
    if (entry.pcr === pcr) {
      for (const rule of rules) {
        const before = reached.get(rule) ?? Buffer.alloc(0)
        reached.set(rule, digestOf(hash, before, extension(entry, hash, rule)))
      }
    }
    if (there()) found = end
  }
  return found === null ? null : list.subarray(0, found)
}

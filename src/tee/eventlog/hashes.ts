import { hash } from 'node:crypto'

/** Hash algorithms of register banks that we can replay (TCG Algorithm Registry). SM3 is not among them: Node has it only with some OpenSSL builds. */
export type BankHash = 'sha1' | 'sha256' | 'sha384' | 'sha512'

const table = [
  { id: 0x04, name: 'sha1', size: 20 },
  { id: 0x0b, name: 'sha256', size: 32 },
  { id: 0x0c, name: 'sha384', size: 48 },
  { id: 0x0d, name: 'sha512', size: 64 },
] as const

/** Name of a TPM_ALG_ID, or null for one that is no hash of ours. */
export function bankHash(id: number): BankHash | null {
  return table.find((row) => row.id === id)?.name ?? null
}

export function isBankHash(name: string): name is BankHash {
  return table.some((row) => row.name === name)
}

/** TPM_ALG_ID of a hash. */
export function hashId(name: BankHash): number {
  return table.find((row) => row.name === name)?.id ?? 0
}

/** Bytes in a digest. */
export function hashSize(name: BankHash): number {
  return table.find((row) => row.name === name)?.size ?? 0
}

export function digestOf(name: BankHash, ...parts: readonly Uint8Array[]): Buffer {
  return hash(name, parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts), 'buffer')
}

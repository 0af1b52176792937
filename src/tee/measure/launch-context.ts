import { hash } from 'node:crypto'
import { InternalError } from '../../base/errors.ts'
import { pageSize } from './ovmf.ts'

/** PAGE_INFO page types (SEV-SNP firmware ABI 1.55, table 68). */
const pageTypes = { normal: 1, vmsa: 2, zero: 3, unmeasured: 4, secrets: 5, cpuid: 6 } as const

const digestSize = 48
const pageInfoSize = 0x70
/** The RMP records VMSA pages at address −1; the bits above 51 and those within the page are cleared. */
const vmsaGpa = 0xfffffffff000n

/** The launch digest of one guest while it is built: each page is hashed onto all before it (SNP ABI §8.17.2). */
export class LaunchContext {
  // Written in place: [digest 48][contents 48][length, type, flags 8][address 8].
  readonly #info = Buffer.alloc(pageInfoSize)

  /** @param seed digest after the pages that were counted already */
  constructor(seed?: Buffer) {
    if (seed !== undefined) {
      if (seed.length !== digestSize) throw new InternalError(`a launch digest has 48 bytes, not ${seed.length}`)
      seed.copy(this.#info)
    }
    this.#info.writeUInt16LE(pageInfoSize, 96)
  }

  digest(): Buffer {
    return Buffer.from(this.#info.subarray(0, digestSize))
  }

  normal(gpa: number | bigint, data: Buffer): void {
    for (let at = 0; at < data.length; at += pageSize) {
      this.#extend(
        pageTypes.normal,
        BigInt(gpa) + BigInt(at),
        hash('sha384', data.subarray(at, at + pageSize), 'buffer'),
      )
    }
  }

  /** The save areas of `count` processors that start alike: all lie at one address, so each counts again. */
  vmsas(page: Buffer, count: number): void {
    const content = hash('sha384', page, 'buffer')
    for (let i = 0; i < count; i++) this.#extend(pageTypes.vmsa, vmsaGpa, content)
  }

  /** A save area that a file names an address for. */
  vmsaAt(gpa: bigint, page: Buffer): void {
    this.#extend(pageTypes.vmsa, gpa, hash('sha384', page, 'buffer'))
  }

  /** Pages whose content is not hashed: only that they are there, of which type and where. */
  empty(type: 'zero' | 'unmeasured' | 'secrets' | 'cpuid', gpa: number | bigint, size: number): void {
    for (let at = 0; at < size; at += pageSize) this.#extend(pageTypes[type], BigInt(gpa) + BigInt(at), null)
  }

  /** @param content SHA-384 of the page; null for a page whose content is not measured */
  #extend(type: number, gpa: bigint, content: Buffer | null): void {
    if (content === null) this.#info.fill(0, digestSize, 2 * digestSize)
    else this.#info.set(content, digestSize)
    this.#info[98] = type
    this.#info.writeBigUInt64LE(gpa, 104)
    this.#info.set(hash('sha384', this.#info, 'buffer'), 0)
  }
}

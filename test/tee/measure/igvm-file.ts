import { crc32 } from 'node:zlib'

const numbers = (...parts: readonly (readonly [bytes: number, value: number | bigint])[]): Buffer =>
  Buffer.concat(
    parts.map(([bytes, value]) => {
      const buffer = Buffer.alloc(8)
      buffer.writeBigUInt64LE(BigInt(value))
      return buffer.subarray(0, bytes)
    }),
  )

/** Writes an IGVM file of format version 1: structures in order, then the pages that they name. */
export class IgvmFile {
  readonly #heads: Buffer[] = []
  readonly #pages: Buffer[] = []
  /** Places of page offsets: structure and byte in its body. */
  readonly #links: { head: number; at: number; page: number }[] = []

  structure(type: number, body: Buffer): this {
    const padding = Buffer.alloc((8 - (body.length % 8)) % 8)
    this.#heads.push(Buffer.concat([numbers([4, type], [4, body.length]), body, padding]))
    return this
  }

  platform(kind: number, mask: number): this {
    return this.structure(1, numbers([4, mask], [1, 0], [1, kind], [2, 1], [8, 0]))
  }

  page(
    gpa: number | bigint,
    content: Buffer | null,
    options: { mask?: number; flags?: number; type?: number } = {},
  ): this {
    this.structure(
      0x302,
      numbers([8, gpa], [4, options.mask ?? 1], [4, 0], [4, options.flags ?? 0], [2, options.type ?? 0], [2, 0]),
    )
    return content === null ? this : this.#link(12, content)
  }

  area(index: number, size: number): this {
    return this.structure(0x301, numbers([8, size], [4, index], [4, 0]))
  }

  insert(gpa: number, index: number, mask = 1): this {
    return this.structure(0x303, numbers([8, gpa], [4, mask], [4, index]))
  }

  processor(gpa: bigint, context: Buffer, index = 0, mask = 1): this {
    return this.structure(0x304, numbers([8, gpa], [4, mask], [4, 0], [2, index], [2, 0])).#link(12, context)
  }

  bytes(): Buffer {
    const size = this.#heads.reduce((sum, { length }) => sum + length, 0)
    const first = 24 + size
    for (const { head, at, page } of this.#links) this.#heads[head]?.writeUInt32LE(first + page * 4096, 8 + at)
    const total = first + this.#pages.length * 4096
    const fixed = numbers([4, 0x4d564749], [4, 1], [4, 24], [4, size], [4, total], [4, 0])
    const heads = Buffer.concat([fixed, ...this.#heads])
    heads.writeUInt32LE(crc32(heads), 20)
    return Buffer.concat([heads, ...this.#pages])
  }

  #link(at: number, content: Buffer): this {
    this.#links.push({ head: this.#heads.length - 1, at, page: this.#pages.length })
    const page = Buffer.alloc(4096)
    content.copy(page)
    this.#pages.push(page)
    return this
  }
}

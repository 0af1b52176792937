/** Rows of one block of memory, and bytes of a row: 3 floats, 10 words, 32 bytes of a digest. */
const blockBits = 12
const blockMask = (1 << blockBits) - 1
const rowBytes = 96
const rowWords = rowBytes / 4
const rowDoubles = rowBytes / 8
const digestAt = 64
const digestSize = 32

/** Members of a row that are floats of 64 bits, and those that are whole numbers of 32 bits. */
export const doubles = { size: 0, mtime: 1, position: 2 } as const
export const words = {
  ...{ name: 6, place: 7, next: 8, target: 9, marks: 10 },
  ...{ uid: 11, gid: 12, serial: 13, magic: 14, layer: 15 },
} as const

interface Block {
  readonly words: Uint32Array
  readonly doubles: Float64Array
  readonly bytes: Buffer
}

/** Memory of rows by number, outside the engine's heap, 96 bytes each. It grows without being copied. */
export class RowMemory {
  private readonly blocks: Block[] = [newBlock()]

  get(row: number, field: number): number {
    return this.block(row).words[(row & blockMask) * rowWords + field] ?? 0
  }

  set(row: number, field: number, value: number): void {
    this.block(row).words[(row & blockMask) * rowWords + field] = value
  }

  double(row: number, field: number): number {
    return this.block(row).doubles[(row & blockMask) * rowDoubles + field] ?? 0
  }

  setDouble(row: number, field: number, value: number): void {
    this.block(row).doubles[(row & blockMask) * rowDoubles + field] = value
  }

  /** Copies a digest of 32 bytes into its row. */
  setDigest(row: number, digest: Uint8Array): void {
    this.block(row).bytes.set(digest, (row & blockMask) * rowBytes + digestAt)
  }

  /** The digest in hexadecimal. */
  digest(row: number): string {
    const at = (row & blockMask) * rowBytes + digestAt
    return this.block(row).bytes.toString('hex', at, at + digestSize)
  }

  /** Makes room for a row, all of whose members are 0 then. */
  clear(row: number): void {
    if (row >>> blockBits === this.blocks.length) this.blocks.push(newBlock())
    const at = row & blockMask
    this.block(row).words.fill(0, at * rowWords, (at + 1) * rowWords)
  }

  private block(row: number): Block {
    return this.blocks[row >>> blockBits] ?? noBlock
  }
}
const noBlock: Block = { words: new Uint32Array(0), doubles: new Float64Array(0), bytes: Buffer.alloc(0) }

function newBlock(): Block {
  const buffer = new ArrayBuffer(rowBytes << blockBits)
  return { words: new Uint32Array(buffer), doubles: new Float64Array(buffer), bytes: Buffer.from(buffer) }
}

import { createHash } from 'node:crypto'
import { InputError } from '../../base/errors.ts'

/** Options of `veritysetup format`, hash type 1; block sizes are powers of 2 in bytes. */
export interface VerityOptions {
  hash: 'sha256' | 'sha512'
  salt: Buffer
  dataBlock: number
  hashBlock: number
}

const limits = { salt: 256, smallestBlock: 512, largestBlock: 65536 } as const

/**
 * The dm-verity root hash of a partition's bytes (Linux Documentation/admin-guide/device-mapper/verity.rst), read as a stream.
 * Only one partly filled block a level of the tree is held.
 *
 * @throws InputError `input-invalid` for options that the kernel refuses, and for bytes that are not whole blocks
 */
export async function verityRootHash(source: AsyncIterable<Uint8Array>, options: VerityOptions): Promise<Buffer> {
  const { dataBlock, hashBlock, salt, hash } = options
  const size = (n: number): boolean =>
    n >= limits.smallestBlock && n <= limits.largestBlock && Number.isInteger(Math.log2(n))
  if (!size(dataBlock) || !size(hashBlock) || salt.length > limits.salt) {
    throw invalid(`block sizes ${dataBlock} and ${hashBlock} with a salt of ${salt.length} bytes`)
  }
  const digest = (block: Uint8Array): Buffer => createHash(hash).update(salt).update(block).digest()
  const tree = new Tree(digest, hashBlock)
  const block = Buffer.alloc(dataBlock)
  let filled = 0
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + dataBlock - filled)
      block.set(part, filled)
      at += part.length
      filled = (filled + part.length) % dataBlock
      if (filled === 0) tree.add(0, digest(block))
    }
  }
  if (filled !== 0) throw invalid(`bytes that are not whole blocks of ${dataBlock}`)
  return tree.root()
}

class Tree {
  readonly #levels: { block: Buffer; used: number; digests: number; last: Buffer }[] = []
  readonly #digest: (block: Uint8Array) => Buffer
  readonly #blockSize: number

  constructor(digest: (block: Uint8Array) => Buffer, blockSize: number) {
    this.#digest = digest
    this.#blockSize = blockSize
  }

  add(index: number, digest: Buffer): void {
    const level = (this.#levels[index] ??= {
      block: Buffer.alloc(this.#blockSize),
      used: 0,
      digests: 0,
      last: digest,
    })
    level.block.set(digest, level.used)
    level.used += digest.length
    level.digests += 1
    level.last = digest
    if (level.used === this.#blockSize) this.#close(index)
  }

  root(): Buffer {
    for (let index = 0; ; index++) {
      const level = this.#levels[index]
      if (level === undefined) throw invalid('no bytes at all')
      if (level.digests === 1) return level.last
      if (level.used > 0) this.#close(index)
    }
  }

  /** The block is hashed into the level above; what it doesn't fill is zero. */
  #close(index: number): void {
    const level = this.#levels[index]
    if (level === undefined) return
    const digest = this.#digest(level.block)
    level.block.fill(0)
    level.used = 0
    this.add(index + 1, digest)
  }
}

function invalid(what: string): InputError {
  return new InputError('input-invalid', `dm-verity cannot be computed over ${what}`, {
    subject: 'rootfs',
    remedy: 'Give a partition of whole blocks and the options that veritysetup was given.',
  })
}

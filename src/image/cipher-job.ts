import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { RingReader, RingWriter, type RingMemory } from './ring.ts'
import type { ThreadAnswer } from './thread-job.ts'

/** AES-256-CTR from one ring into another, and one hash of what goes in or comes out. In counter mode encryption and decryption are the same. */
export interface CipherJob {
  readonly work: 'cipher'
  /** 32 bytes; also the key of the hash where that is an HMAC. */
  readonly key: Uint8Array
  /** The initial counter block, 16 bytes. */
  readonly nonce: Uint8Array
  readonly hash: CipherHash
  readonly input: RingMemory
  readonly output: RingMemory
}

/** SHA-256 of what goes in, or HMAC-SHA256 of what goes in or comes out. */
export type CipherHash = 'sha256-in' | 'hmac-in' | 'hmac-out'

/** What the cipher gives is new memory each time; a small part is still in the nearest cache when it is hashed and copied. */
const partBytes = 64 << 10

/** Does the job and blocks this thread meanwhile; the copies of key and nonce in this thread are cleared. */
export function cipherInto({ key, nonce, hash: kind, input: from, output: to }: CipherJob): ThreadAnswer {
  const input = new RingReader(from, 0)
  const output = new RingWriter(to)
  try {
    const cipher = createCipheriv('aes-256-ctr', key, nonce)
    const hash = kind === 'sha256-in' ? createHash('sha256') : createHmac('sha256', key)
    let size = 0
    for (;;) {
      const piece = input.next()
      if (piece === 'ended') break
      const room = typeof piece === 'string' ? null : output.room()
      if (typeof piece === 'string' || room === null) return { end: 'done' }
      for (let at = 0; at < piece.length; at += partBytes) {
        const part = piece.subarray(at, at + partBytes)
        const result = cipher.update(part)
        hash.update(kind === 'hmac-out' ? result : part)
        room.set(result, at)
      }
      size += piece.length
      output.publish(piece.length)
      input.giveBack()
    }
    output.end()
    return { end: 'cipher', digest: hash.digest('hex'), size }
  } finally {
    key.fill(0)
    nonce.fill(0)
    // Does nothing after a good end.
    output.fail()
    input.stop()
  }
}

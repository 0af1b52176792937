import { createHmac } from 'node:crypto'
import { InternalError } from '../base/errors.ts'
import { sameBytes, verified, type ByteSource } from '../base/streams.ts'
import type { CipherHash } from '../image/cipher-job.ts'
import { pump } from '../image/inflate-aside.ts'
import { clearRing, makeRing, RingReader, RingWriter, type RingMemory } from '../image/ring.ts'
import { errorOf, type ThreadAnswer } from '../image/thread-job.ts'
import { Threads } from '../image/threads.ts'
import { decryptingAtOnce, encrypting, macProblem, type Encrypting, type LayerKey, type Opening } from './cipher.ts'

/** A smaller layer is done before a thread has started. */
const worthThread = 16 << 20

/** 2 MiB each way, so that both threads work while one waits for the disk. Larger pieces leave the caches between two readers: 512 KiB took a third more. */
const ring = { slots: 8, size: 256 << 10 }

/** Who may use a thread for the cipher. */
export interface ThreadChoice {
  /** Program of threads (`Ports.threads`); without it all is done in the caller's thread, with equal results. */
  readonly threads?: string | undefined
  /** Size in bytes from which on a layer is worth a thread; default 16 MiB. */
  readonly worth?: number | undefined
}

/**
 * A thread for cipher and one of the hashes of large layers, one layer after another. The caller's thread reads, writes and makes the other hashes, so two
 * processors share the work. Where no thread can be started, the caller's does all.
 */
export class CipherThread {
  private readonly threads: Threads | null
  private readonly worth: number
  /** Made for the first layer that is worth a thread. */
  private rings: { readonly input: RingMemory; readonly output: RingMemory } | null = null

  constructor({ threads, worth }: ThreadChoice) {
    this.threads = threads === undefined ? null : new Threads(threads)
    this.worth = worth ?? worthThread
  }

  /** Whether a layer is worth a thread; its source may then be read without a check of the store. */
  takes({ size }: { size: number }): boolean {
    return this.threads !== null && size >= this.worth
  }

  /**
   * As `encrypting`.
   *
   * @param unchecked what the source has to be, where its opener does not compare it: SHA-256 alone
   */
  encrypting(source: ByteSource, key: LayerKey, unchecked: { digest: string; size: number } | null): Encrypting {
    let done: Buffer | null = null
    const own = (): Encrypting => encrypting(unchecked === null ? source : verified(source, unchecked), key)
    const flow = async function* (this: CipherThread): AsyncGenerator<Uint8Array> {
      const mac = unchecked === null ? null : createHmac('sha256', key.key)
      const answer = yield* this.through(source, key, unchecked === null ? 'hmac-out' : 'sha256-in', mac)
      if (answer === null) {
        const { stream, hmac } = own()
        yield* stream
        done = hmac()
        return
      }
      if (unchecked !== null) sameBytes({ digest: `sha256:${answer.digest}`, size: answer.size }, unchecked)
      done = mac?.digest() ?? Buffer.from(answer.digest, 'hex')
    }
    return {
      stream: flow.call(this),
      hmac: () => {
        if (done === null) throw new Error('the stream has not ended')
        return done
      },
    }
  }

  /** As `decryptingAtOnce`. */
  async *decrypting(source: ByteSource, opening: Opening): AsyncGenerator<Uint8Array> {
    const answer = yield* this.through(source, opening, 'hmac-in', null)
    if (answer === null) yield* decryptingAtOnce(source, opening)
    else if (answer.digest !== opening.hmac.toString('hex')) throw macProblem(opening.subject)
  }

  /** Ends the thread. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.threads?.close()
  }

  /**
   * What the thread makes of a source, each piece shown to `mac` before. Nothing starts before the first piece is
   * asked for: a store that has the blob asks for none.
   *
   * @returns null where no thread can be started; nothing of the source was read then
   */
  private async *through(
    source: ByteSource,
    { key, nonce }: LayerKey,
    hash: CipherHash,
    mac: { update(bytes: Uint8Array): unknown } | null,
  ): AsyncGenerator<Uint8Array, Extract<ThreadAnswer, { end: 'cipher' }> | null> {
    const thread = (await this.threads?.take()) ?? null
    if (thread === null) return null
    const made = (): RingMemory => makeRing(ring.slots, ring.size, 1)
    const { input, output } = (this.rings ??= { input: made(), output: made() })
    const failures: unknown[] = []
    const stop = (): void => {
      for (const memory of [input, output]) new RingWriter(memory).stop()
    }
    // A clone of a Buffer would carry over the memory that it shares with others.
    const secrets = { key: new Uint8Array(key), nonce: new Uint8Array(nonce) }
    const answered = thread.run({ work: 'cipher', ...secrets, hash, input, output }).catch((error: unknown) => {
      failures.push(error)
      stop()
      return null
    })
    secrets.key.fill(0)
    const pumped = pump(source, new RingWriter(input)).catch((error: unknown) => {
      failures.push(error)
      new RingWriter(input).fail()
    })
    try {
      const reader = new RingReader(output, 0)
      for (;;) {
        const piece = await reader.nextLater()
        if (!Buffer.isBuffer(piece)) break
        mac?.update(piece)
        // A copy: whoever sends it on (a task's channel) may hold it while the thread writes the next piece into its place.
        const own = Buffer.from(piece)
        reader.giveBack()
        yield own
      }
      const [answer] = await Promise.all([answered, pumped])
      if (failures.length > 0) throw failures[0]
      const error = answer === null ? null : errorOf(answer)
      if (error !== null) throw error
      if (answer?.end === 'cipher') return answer
      throw new InternalError('the cipher of a layer was stopped')
    } finally {
      stop()
      await Promise.all([answered, pumped])
      for (const memory of [input, output]) clearRing(memory)
    }
  }
}

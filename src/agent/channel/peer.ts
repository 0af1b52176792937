import type { Duplex } from 'node:stream'
import { errorRecord, TransportError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import type { ByteSource } from '../../base/streams.ts'
import { errorFromRecord } from '../error-record.ts'
import { IncomingBody } from './body.ts'
import { Credit } from './credit.ts'
import { frameKinds, pieceBytes, readFrames, writeFrame, type Frame, type FrameKind } from './frames.ts'

/** An answer, or what is asked with: a JSON value and bytes behind it. */
export interface Message {
  value: JsonValue
  body: ByteSource
}

/** Answers one request of the other side. */
export type Handler = (op: string, request: Message) => Promise<{ value: JsonValue; body?: ByteSource | undefined }>

interface Stream {
  incoming: IncomingBody
  credit: Credit
  /** Set while an answer is awaited. */
  answered: { resolve: (message: Message) => void; reject: (error: Error) => void } | null
  /** Directions that have ended: with both the stream is forgotten. */
  sent: boolean
  received: boolean
}

export interface PeerOptions {
  /** Odd ids for the side that opened the connection, even ones for the other. */
  first: 1 | 2
  handle: Handler
  /** Takes a note of the other side. */
  note?: ((value: JsonValue) => void) | undefined
  /** Called when an answer, or the error in its place, is written whole. */
  answered?: ((op: string) => void) | undefined
}

/** One end of a task channel: asks and answers, both with bodies of any length, many at a time over one connection. */
export class Peer {
  readonly #duplex: Duplex
  readonly #options: PeerOptions
  readonly #streams = new Map<number, Stream>()
  #next: number
  #failure: Error | null = null
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>

  constructor(duplex: Duplex, options: PeerOptions) {
    this.#duplex = duplex
    this.#options = options
    this.#next = options.first
    duplex.on('error', (error) => this.#fail(error))
    this.closed = this.#run()
  }

  /** @throws what the other side answered in place of a value; TransportError `agent-error` when the connection ends */
  async call(op: string, value: JsonValue, body?: ByteSource): Promise<Message> {
    if (this.#failure !== null) throw this.#failure
    const id = this.#next
    this.#next += 2
    const stream = this.#open(id)
    const answer = new Promise<Message>((resolve, reject) => {
      stream.answered = { resolve, reject }
    })
    // Told below, whoever is first.
    answer.catch(() => {})
    await this.#json(frameKinds.open, id, { op, value })
    const sent = this.#send(id, stream, body).catch(async (error: unknown) => {
      // The reason of a body that could not be read is ours, and better than what the other side makes of it.
      stream.answered?.reject(error instanceof Error ? error : new Error(String(error)))
      await this.#json(frameKinds.fail, id, { ...errorRecord(error) })
    })
    sent.catch(() => {})
    return answer
  }

  /** Tells the other side something, without an answer. */
  note(value: JsonValue): void {
    void this.#json(frameKinds.note, 0, value).catch(() => {})
  }

  /** Ends the connection when all that was written is out. */
  async end(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#duplex.end(() => resolve())
    })
  }

  #open(id: number): Stream {
    const taken = (bytes: number): void => {
      if (bytes === 0 || this.#failure !== null) return
      const payload = Buffer.alloc(4)
      payload.writeUInt32BE(bytes)
      void this.#write(frameKinds.credit, id, payload).catch(() => {})
    }
    const stream: Stream = {
      incoming: new IncomingBody(taken),
      credit: new Credit(),
      answered: null,
      sent: false,
      received: false,
    }
    this.#streams.set(id, stream)
    return stream
  }

  async #run(): Promise<void> {
    try {
      for await (const frame of readFrames(this.#duplex)) this.#take(frame)
      this.#fail(new TransportError('agent-error', 'the task channel ended', { subject: 'channel' }))
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #take({ kind, stream: id, payload }: Frame): void {
    if (kind === frameKinds.note) return this.#options.note?.(parseJson(payload.toString('utf8'), 'note'))
    const own = id % 2 === this.#options.first % 2
    const stream = this.#streams.get(id) ?? (kind === frameKinds.open && !own ? this.#open(id) : undefined)
    // Of a stream that has ended here: a late credit, or data that nobody wants.
    if (stream === undefined) return
    switch (kind) {
      case frameKinds.open:
        void this.#answer(id, stream, payload)
        return
      case frameKinds.data:
        return stream.incoming.push(payload)
      case frameKinds.end:
        stream.incoming.end()
        return this.#received(id, stream)
      case frameKinds.credit:
        return stream.credit.add(payload.length === 4 ? payload.readUInt32BE(0) : 0)
      case frameKinds.reply:
        stream.answered?.resolve({ value: parseJson(payload.toString('utf8'), 'answer'), body: stream.incoming })
        stream.answered = null
        return
      case frameKinds.fail: {
        const error = errorFromRecord(parseJson(payload.toString('utf8'), 'answer'))
        stream.answered?.reject(error)
        stream.answered = null
        stream.incoming.fail(error)
        stream.credit.fail(error)
        stream.sent = true
        this.#received(id, stream)
      }
    }
  }

  #received(id: number, stream: Stream): void {
    stream.received = true
    if (stream.sent) this.#streams.delete(id)
  }

  async #answer(id: number, stream: Stream, payload: Buffer): Promise<void> {
    let op = ''
    try {
      const request = parseJson(payload.toString('utf8'), 'request')
      op = isObject(request) && typeof request['op'] === 'string' ? request['op'] : ''
      const value = isObject(request) ? (request['value'] ?? null) : null
      const answer = await this.#options.handle(op, { value, body: stream.incoming })
      stream.incoming.drop()
      await this.#json(frameKinds.reply, id, answer.value)
      await this.#send(id, stream, answer.body)
    } catch (error) {
      stream.incoming.drop()
      await this.#json(frameKinds.fail, id, { ...errorRecord(error) }).catch(() => {})
      this.#streams.delete(id)
    }
    this.#options.answered?.(op)
  }

  async #send(id: number, stream: Stream, body: ByteSource | undefined): Promise<void> {
    for await (const chunk of body ?? []) {
      for (let at = 0; at < chunk.length; at += pieceBytes) {
        const piece = chunk.subarray(at, at + pieceBytes)
        // Credit bounds what is under way, so one piece does not wait for the one before.
        await stream.credit.take(piece.length)
        this.#write(frameKinds.data, id, piece).catch(() => {})
      }
    }
    await this.#write(frameKinds.end, id, Buffer.alloc(0))
    stream.sent = true
    if (stream.received) this.#streams.delete(id)
  }

  #json(kind: FrameKind, id: number, value: JsonValue): Promise<void> {
    return this.#write(kind, id, Buffer.from(JSON.stringify(value)))
  }

  #write(kind: FrameKind, id: number, payload: Uint8Array): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      writeFrame(this.#duplex, { kind, stream: id, payload }, (error) => (error ? reject(error) : resolve()))
    })
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return
    this.#failure = error
    for (const stream of this.#streams.values()) {
      stream.answered?.reject(error)
      stream.answered = null
      stream.incoming.fail(error)
      stream.credit.fail(error)
    }
  }
}

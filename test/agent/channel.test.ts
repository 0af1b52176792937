import { duplexPair, type Duplex } from 'node:stream'
import { Credit, windowBytes } from '../../src/agent/channel/credit.ts'
import {
  frameBytes,
  frameKinds,
  frameLimit,
  pieceBytes,
  readFrames,
  type Frame,
} from '../../src/agent/channel/frames.ts'
import { Peer, type Handler, type PeerOptions } from '../../src/agent/channel/peer.ts'
import { InputError, TransportError, VerificationError } from '../../src/base/errors.ts'
import { collect, sha256, type ByteSource } from '../../src/base/streams.ts'

async function* pieces(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}
async function framesOf(...parts: Uint8Array[]): Promise<Frame[]> {
  const found = []
  for await (const frame of readFrames(pieces(...parts))) found.push(frame)
  return found
}
const idle: Handler = async () => ({ value: null })

/** Two ends of one connection. */
function pair(handle: Handler, other: Partial<PeerOptions> = {}): { asking: Peer; serving: Peer; wires: Duplex[] } {
  const [left, right] = duplexPair()
  const serving = new Peer(right, { first: 2, handle })
  return { asking: new Peer(left, { first: 1, handle: idle, ...other }), serving, wires: [left, right] }
}

/** A peer whose other end is written by hand. */
function byHand(handle: Handler): { peer: Peer; raw: Duplex; read: AsyncGenerator<Frame> } {
  const [left, raw] = duplexPair()
  return { peer: new Peer(left, { first: 1, handle, note: () => {} }), raw, read: readFrames(raw) }
}

describe('frames', () => {
  const one = frameBytes(frameKinds.data, 7, Buffer.from('abc'))
  const two = frameBytes(frameKinds.end, 0xffff_fffe, Buffer.alloc(0))

  test('come back however they were cut', async () => {
    const all = Buffer.concat([one, two, one])
    for (const cut of [1, 2, 5, 9, 10, 13, all.length]) {
      const parts = []
      for (let at = 0; at < all.length; at += cut) parts.push(all.subarray(at, at + cut))
      const found = await framesOf(...parts)
      expect(found.map(({ kind, stream, payload }) => [kind, stream, payload.toString()])).toEqual([
        [frameKinds.data, 7, 'abc'],
        [frameKinds.end, 0xffff_fffe, ''],
        [frameKinds.data, 7, 'abc'],
      ])
    }
  })

  test.each([...Array(one.length - 1).keys()])('cut off after %i bytes and more they are refused', async (short) => {
    await expect(framesOf(two, one.subarray(0, short + 1))).rejects.toMatchObject({ code: 'format-invalid' })
  })

  test.each([0, 8, 255])('kind %i is refused', async (kind) => {
    const bytes = Buffer.from(one)
    bytes.writeUInt8(kind, 0)
    await expect(framesOf(bytes)).rejects.toMatchObject({ code: 'format-invalid', exitCode: 1 })
  })

  test('the limit passes, a byte more is refused by its header alone', async () => {
    const [largest] = await framesOf(frameBytes(frameKinds.open, 1, Buffer.alloc(frameLimit)))
    expect(largest?.payload.length).toBe(frameLimit)
    const header = Buffer.from(one.subarray(0, 9))
    header.writeUInt32BE(frameLimit + 1, 5)
    await expect(framesOf(header)).rejects.toMatchObject({ code: 'format-invalid' })
  })
})

describe('calls', () => {
  test('value and body arrive on both ways', async () => {
    const { asking } = pair(async (op, { value, body }) => {
      const bytes = await collect(body, 100, 'body')
      return { value: [op, value, bytes.toString()], body: pieces(Buffer.from('x'), Buffer.from('yz')) }
    })
    const answer = await asking.call('greet', { a: 1 }, pieces(Buffer.from('he'), Buffer.from('llo')))
    expect(answer.value).toEqual(['greet', { a: 1 }, 'hello'])
    expect((await collect(answer.body, 100, 'answer')).toString()).toBe('xyz')
  })

  test('many at once, answered out of order, each get their own', async () => {
    const waiting = new Map<string, () => void>()
    const { asking } = pair(async (op, { body }) => {
      const bytes = await collect(body, 1 << 20, 'body')
      await new Promise<void>((resolve) => {
        waiting.set(op, resolve)
        if (waiting.size === 50) for (const next of [...waiting.values()].reverse()) next()
      })
      return { value: op, body: pieces(bytes) }
    })
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const sent = Buffer.alloc(100_000, i)
        const { value, body } = await asking.call(String(i), null, pieces(sent))
        return [value, (await collect(body, 1 << 20, 'answer')).equals(sent)]
      }),
    )
    expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => [String(i), true]))
  })

  test.each([
    new InputError('input-missing', 'no image', { subject: 'image', remedy: 'Set image.' }),
    new VerificationError('digest-mismatch', 'other bytes', { subject: 'blob' }),
    new TransportError('kbs-error', 'the KBS failed', { subject: 'kbs' }),
  ])('what a handler throws arrives with its class: $code', async (thrown) => {
    const { asking } = pair(async () => Promise.reject(thrown))
    const caught: unknown = await asking.call('x', null).catch((error: unknown) => error)
    expect(caught).toBeInstanceOf(thrown.constructor)
    const { code, exitCode, message } = thrown
    expect(caught).toMatchObject({ code, exitCode, message })
  })

  test('a body of the answer that fails in the middle fails at its reader, with its class', async () => {
    const { asking } = pair(async () => ({
      value: 'begun',
      body: (async function* () {
        yield Buffer.from('first')
        throw new VerificationError('digest-mismatch', 'the rest is not it', { subject: 'blob' })
      })(),
    }))
    const { value, body } = await asking.call('x', null)
    expect(value).toBe('begun')
    await expect(collect(body, 100, 'body')).rejects.toMatchObject({ code: 'digest-mismatch', exitCode: 1 })
  })

  test('a body of the question that fails in the middle fails the call and its reader', async () => {
    const seen: unknown[] = []
    const { asking } = pair(async (op, { body }) => {
      if (op === 'x') seen.push(await collect(body, 100, 'body').catch((error: unknown) => error))
      return { value: null }
    })
    const failing = (async function* () {
      yield Buffer.from('first')
      throw new InputError('file-missing', 'it went away', { subject: 'a' })
    })()
    await expect(asking.call('x', null, failing)).rejects.toMatchObject({ code: 'file-missing' })
    // The reader is told, too: half a body is never taken for a whole one.
    await asking.call('y', null)
    expect(seen).toMatchObject([{ code: 'file-missing', exitCode: 2 }])
  })

  test('an answer may come before the question’s body is taken', async () => {
    const { asking } = pair(async () => ({ value: 'enough' }))
    const large = pieces(...Array.from({ length: 64 }, () => Buffer.alloc(pieceBytes)))
    expect((await asking.call('x', null, large)).value).toBe('enough')
    expect((await asking.call('y', null)).value).toBe('enough')
  })

  test('notes arrive in order and need no answer', async () => {
    const notes: unknown[] = []
    const { asking, serving } = pair(idle, { note: (value) => notes.push(value) })
    for (const text of ['a', 'b', 'c']) serving.note({ text })
    await asking.call('x', null)
    expect(notes).toEqual([{ text: 'a' }, { text: 'b' }, { text: 'c' }])
  })
})

describe('flow control', () => {
  const total = 16 * windowBytes

  test('a slow reader stops the sender: no more than the window is ever under way', async () => {
    let sent = 0
    let taken = 0
    let most = 0
    const source: ByteSource = (async function* () {
      while (sent < total) {
        sent += pieceBytes
        most = Math.max(most, sent - taken)
        yield Buffer.alloc(pieceBytes, sent / pieceBytes)
      }
    })()
    const { asking } = pair(async (_op, { body }) => {
      for await (const chunk of body) {
        // Long enough for the sender to run ahead if it could.
        await new Promise((resolve) => setImmediate(resolve))
        taken += chunk.length
      }
      return { value: null }
    })
    await asking.call('x', null, source)
    expect([sent, taken]).toEqual([total, total])
    // The piece at hand and the one whose credit is on its way come on top.
    expect(most).toBeGreaterThanOrEqual(windowBytes)
    expect(most).toBeLessThanOrEqual(windowBytes + 2 * pieceBytes)
  })

  test('an answer that nobody reads holds up no other call', async () => {
    const { asking } = pair(async (op) => ({
      value: op,
      body: pieces(...Array.from({ length: op === 'large' ? 64 : 1 }, () => Buffer.alloc(pieceBytes, 1))),
    }))
    const large = await asking.call('large', null)
    const small = await asking.call('small', null)
    expect((await collect(small.body, pieceBytes, 'small')).length).toBe(pieceBytes)
    expect(sha256(await collect(large.body, 1 << 30, 'large'))).toBe(sha256(Buffer.alloc(64 * pieceBytes, 1)))
  })

  test('a sender that ignores it is cut off', async () => {
    const { peer, raw, read } = byHand(idle)
    const answer = peer.call('x', null)
    const { stream } = (await read.next()).value as Frame
    raw.write(frameBytes(frameKinds.reply, stream, Buffer.from('"here"')))
    const { body } = await answer
    for (let at = 0; at <= windowBytes; at += pieceBytes)
      raw.write(frameBytes(frameKinds.data, stream, Buffer.alloc(pieceBytes)))
    await peer.closed
    await expect(collect(body, 1 << 30, 'body')).rejects.toMatchObject({ code: 'format-invalid', subject: 'channel' })
    await expect(peer.call('y', null)).rejects.toMatchObject({ code: 'format-invalid' })
  })
})

describe('what a sender could do with many small pieces', () => {
  test('an empty piece is no piece, and too many are cut off', async () => {
    for (const [length, count] of [
      [0, 1],
      [1, 65_538],
    ] as const) {
      const { peer, raw, read } = byHand(idle)
      const answer = peer.call('x', null)
      const { stream } = (await read.next()).value as Frame
      raw.write(frameBytes(frameKinds.reply, stream, Buffer.from('"here"')))
      const { body } = await answer
      const piece = frameBytes(frameKinds.data, stream, Buffer.alloc(length))
      raw.write(Buffer.concat(Array.from({ length: count }, () => piece)))
      await peer.closed
      await expect(collect(body, 1 << 30, 'body')).rejects.toMatchObject({ code: 'format-invalid' })
    }
  })

  test('credit for more than was sent opens no larger window', () => {
    const credit = new Credit()
    credit.add(1 << 30)
    let sent = 0
    const send = async (): Promise<void> => {
      for (;;) {
        await credit.take(pieceBytes)
        sent += pieceBytes
      }
    }
    void send()
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => expect(sent).toBe(windowBytes))
  })
})

describe('a connection that ends', () => {
  test('fails every call and body that is open, and every later one', async () => {
    const { asking, wires } = pair((op) => {
      if (op === 'body') return Promise.resolve({ value: null, body: stuck() })
      return new Promise(() => {})
    })
    const open = [asking.call('a', null), asking.call('b', null), asking.call('c', null, stuck())]
    const { body } = await asking.call('body', null)
    const reading = collect(body, 1 << 30, 'body')
    const settled = Promise.allSettled([...open, reading])
    wires[1]?.destroy()
    for (const one of await settled) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'agent-error' } })
    await asking.closed
    await expect(asking.call('late', null)).rejects.toMatchObject({ code: 'agent-error', exitCode: 3 })
  })

  test.each([
    ['an unknown kind', Buffer.from([9, 0, 0, 0, 1, 0, 0, 0, 0])],
    ['an answer that is no JSON', frameBytes(frameKinds.reply, 1, Buffer.from('{'))],
    ['a note that is no JSON', frameBytes(frameKinds.note, 0, Buffer.from('{'))],
    ['half a frame and its end', null],
  ])('or breaks with %s does, too', async (_what, bytes) => {
    const { peer, raw } = byHand(idle)
    const call = peer.call('x', null)
    const failed = expect(call).rejects.toMatchObject({ exitCode: 1 })
    if (bytes === null) raw.end(Buffer.from([1, 0, 0]))
    else raw.write(bytes)
    await failed
    await peer.closed
  })
})

async function* stuck(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('first')
  await new Promise(() => {})
}

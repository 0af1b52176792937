import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import { connect, type ClientHttp2Session } from 'node:http2'
import { connect as connectSocket, createServer } from 'node:net'
import { join } from 'node:path'
import { InputError } from '../../../src/base/errors.ts'
import { collect } from '../../../src/base/streams.ts'
import { bytesFieldMessage, readBytesField } from '../../../src/encrypt/provider/protobuf.ts'
import { serveProvider } from '../../../src/encrypt/provider/serve.ts'
import { scratch } from '../../../testkit/ports.ts'
import { codeOf } from '../support.ts'

const quiet = { info: () => {}, warn: () => {} }

interface Called {
  status: string
  message: string
  body: Buffer
}

/** One call, as a gRPC client makes it. */
async function call(
  client: ClientHttp2Session,
  body: Buffer,
  { path = '/keyprovider.KeyProviderService/WrapKey', type = 'application/grpc', flag = 0, length = body.length } = {},
): Promise<Called> {
  const stream = client.request({ ':method': 'POST', ':path': path, 'content-type': type, te: 'trailers' })
  const prefix = Buffer.alloc(5, flag)
  prefix.writeUInt32BE(length, 1)
  let told: Record<string, unknown> = {}
  stream.on('response', (headers) => (told = { ...told, ...headers }))
  stream.on('trailers', (headers) => (told = { ...told, ...headers }))
  stream.end(Buffer.concat([prefix, body]))
  const answer = await collect(stream, 1 << 21, 'answer')
  return {
    status: String(told['grpc-status']),
    message: decodeURIComponent(String(told['grpc-message'] ?? '')),
    body: answer.length > 5 ? readBytesField(answer.subarray(5)) : answer,
  }
}

async function served<T>(
  answer: (request: Buffer, op: string) => Promise<string>,
  use: (client: ClientHttp2Session, address: string) => Promise<T>,
): Promise<T> {
  const server = await serveProvider('127.0.0.1:0', answer, quiet)
  const client = connect(`http://${server.address}`)
  try {
    return await use(client, server.address)
  } finally {
    client.destroy()
    await server.close()
  }
}

describe('the message of Protocol Buffers', () => {
  test.each([0, 1, 127, 128, 16_384, 70_000])('%i bytes come back', (size) => {
    const bytes = randomBytes(size)
    expect(readBytesField(bytesFieldMessage(bytes))).toEqual(bytes)
  })
  test('unknown fields are skipped, the last value counts', () => {
    const message = Buffer.concat([
      Buffer.from([0x10, 0xac, 0x02, 0x1a, 2, 1, 2, 0x25, 1, 2, 3, 4, 0x29, 1, 2, 3, 4, 5, 6, 7, 8]),
      bytesFieldMessage(Buffer.from('first')),
      bytesFieldMessage(Buffer.from('last')),
    ])
    expect(readBytesField(message).toString()).toBe('last')
  })
  test.each([
    ['a length beyond the end', [0x0a, 5, 1]],
    ['no length', [0x0a]],
    ['a group', [0x0b]],
    ['an endless number', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 1]],
  ])('%s is refused', (_, bytes) => {
    expect(() => readBytesField(Buffer.from(bytes))).toThrow(expect.objectContaining({ code: 'input-invalid' }))
  })
})

describe('the service', () => {
  test('answers both methods, and tells the operation', async () => {
    await served(
      async (request, op) => `${op} ${request.toString()}`,
      async (client) => {
        const wrap = await call(client, bytesFieldMessage(Buffer.from('a')))
        expect({ ...wrap, body: wrap.body.toString() }).toEqual({ status: '0', message: '', body: 'keywrap a' })
        const unwrap = await call(client, bytesFieldMessage(Buffer.from('b')), {
          path: '/keyprovider.KeyProviderService/UnWrapKey',
        })
        expect(unwrap.body.toString()).toBe('keyunwrap b')
      },
    )
  })

  test('a refusal has a status and its message, and the next call is answered', async () => {
    let first = true
    await served(
      async () => {
        if (!first) return 'ok'
        first = false
        throw new InputError('not-found', 'the key kbs:///a/b/c is not here: 100 %')
      },
      async (client) => {
        expect(await call(client, bytesFieldMessage(Buffer.from('a')))).toMatchObject({
          status: '5',
          message: 'the key kbs:///a/b/c is not here: 100 %',
        })
        expect((await call(client, bytesFieldMessage(Buffer.from('a')))).body.toString()).toBe('ok')
      },
    )
  })

  test('what is no call of it', async () => {
    await served(
      async () => 'never',
      async (client) => {
        const message = bytesFieldMessage(Buffer.from('a'))
        expect((await call(client, message, { path: '/keyprovider.KeyProviderService/Other' })).status).toBe('12')
        expect((await call(client, message, { type: 'application/json' })).status).toBe('12')
        expect((await call(client, message, { flag: 1, length: message.length })).status).toBe('12')
        expect((await call(client, message, { length: message.length + 1 })).status).toBe('3')
        expect((await call(client, Buffer.alloc(0), { length: 4_000_000 })).status).toBe('3')
        expect((await call(client, Buffer.from([0x0b]))).status).toBe('3')
        expect((await call(client, Buffer.alloc((1 << 20) + 100))).status).toBe('9')
        expect((await call(client, message)).body.toString()).toBe('never')
      },
    )
  })

  test('a unix socket is open to this user alone, and is gone afterwards', async () => {
    const path = join(scratch('provider'), 'keys.sock')
    const server = await serveProvider(`unix:${path}`, async () => 'ok', quiet)
    expect(server.address).toBe(`unix:${path}`)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await codeOf(serveProvider(`unix:${path}`, async () => 'ok', quiet))).toBe('exists')
    const client = connect('http://localhost', { createConnection: () => connectSocket(path) })
    expect((await call(client, bytesFieldMessage(Buffer.from('a')))).body.toString()).toBe('ok')
    client.destroy()
    await server.close()
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a file in the way stays, and so does the address of another process', async () => {
    const path = join(scratch('provider'), 'file')
    await writeFile(path, 'mine')
    expect(await codeOf(serveProvider(`unix:${path}`, async () => '', quiet))).toBe('exists')
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    expect(await codeOf(serveProvider(`127.0.0.1:${port}`, async () => '', quiet))).toBe('input-invalid')
    other.close()
  })

  test.each(['0.0.0.0:5000', 'example.com:80', '127.0.0.1:99999', 'unix:relative', `unix:/${'x'.repeat(108)}`, ''])(
    'it does not listen on %j',
    async (listen) => {
      await expect(serveProvider(listen, async () => '', quiet)).rejects.toMatchObject({
        code: 'input-invalid',
        message: expect.stringContaining('is neither unix:/PATH'),
      })
    },
  )
})

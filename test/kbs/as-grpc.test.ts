import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { once } from 'node:events'
import { createServer as createTcp, type AddressInfo } from 'node:net'
import { bytesField, fieldOf } from '../../src/encoding/protobuf.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { askForEar } from '../../src/kbs/passport.ts'
import { checkServiceUrl, httpOf } from '../../src/kbs/uri.ts'
import { testPorts } from '../../testkit/ports.ts'

// The gRPC interface of an Attestation Service (Trustee, protos/attestation.proto), in a double of the test.

const token = 'eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.AAAA'
const binding = { job: { id: 1 }, 'tee-pubkey': { kty: 'EC' } }
const holder = {
  technology: 'tpm',
  openReport: async () => ({ binding: jcs(binding), evidence: jcs({ quote: 'q' }) }),
  decryptJwe: () => Promise.reject(new Error('no resource is read')),
}

const running: (() => void)[] = []
afterEach(() => running.splice(0).forEach((end) => end()))

async function listening(server: Http2Server | ReturnType<typeof createTcp>): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `grpc://127.0.0.1:${(server.address() as AddressInfo).port}`
}

interface Heard {
  path: string
  type: string
  message: Buffer
}

async function service(answer: (stream: ServerHttp2Stream) => void): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = []
  const server = createServer()
  server.on('session', (session) => {
    session.on('error', () => {})
    running.push(() => session.destroy())
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const pieces: Buffer[] = []
    stream.on('data', (piece: Buffer) => pieces.push(piece))
    stream.on('end', () => {
      heard.push({
        path: String(headers[':path']),
        type: String(headers['content-type']),
        message: Buffer.concat(pieces),
      })
      answer(stream)
    })
  })
  running.push(() => server.close())
  return { url: await listening(server), heard }
}

const framed = (message: Buffer): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}
const head = { ':status': 200, 'content-type': 'application/grpc' }
const good =
  (body: Buffer, trailers: Record<string, string> = { 'grpc-status': '0' }) =>
  (stream: ServerHttp2Stream): void => {
    stream.respond(head, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    stream.end(body)
  }
const only =
  (headers: Record<string, string | number>) =>
  (stream: ServerHttp2Stream): void =>
    stream.respond({ ...head, ...headers }, { endStream: true })
const ask = (asUrl: string, ports = testPorts()): Promise<string> => askForEar({ holder, asUrl, ports, policy: 'sw' })

test('asks with TEE, evidence, binding and policy in their fields, and takes the token', async () => {
  const { url, heard } = await service(good(framed(fieldOf(1, token))))
  const ports = testPorts()
  expect(await ask(url, ports)).toBe(token)
  const [{ path, type, message } = { path: '', type: '', message: Buffer.alloc(0) }] = heard
  expect([path, type]).toEqual(['/attestation.AttestationService/AttestationEvaluate', 'application/grpc'])
  expect([message[0], message.readUInt32BE(1)]).toEqual([0, message.length - 5])
  const request = bytesField(message.subarray(5), 1, 'request')
  expect(bytesField(request, 1, 'tee').toString()).toBe('tpm')
  expect(Buffer.from(bytesField(request, 3, 'evidence').toString(), 'base64url').toString()).toBe('{"quote":"q"}')
  expect(JSON.parse(bytesField(request, 5, 'runtime data').toString())).toEqual(binding)
  expect(bytesField(message.subarray(5), 2, 'policy').toString()).toBe('sw')
  expect(ports.http.hosts()).toEqual([new URL(httpOf(url)).host])
})

test('a token of 200 KiB, whose length has three bytes, and unknown fields', async () => {
  const long = `${token}${'A'.repeat(200 << 10)}`
  const { url } = await service(good(framed(Buffer.concat([fieldOf(9, 'new'), fieldOf(1, 'old'), fieldOf(1, long)]))))
  expect(await ask(url)).toBe(long)
})

const refusal = encodeURIComponent('Attestation: Verifier evaluate failed: REPORT_DATA is different')

test.each<[string, (stream: ServerHttp2Stream) => void, string, RegExp]>([
  ['evidence that is refused', only({ 'grpc-status': 10, 'grpc-message': refusal }), 'evidence-invalid', /REPORT_DATA/],
  ['another method', only({ 'grpc-status': 12 }), 'kbs-error', /gRPC 12/],
  ['words that cannot be decoded', only({ 'grpc-status': 2, 'grpc-message': '%zz' }), 'kbs-error', /gRPC 2: %zz/],
  ['very long words', only({ 'grpc-status': 2, 'grpc-message': 'z'.repeat(30_000) }), 'kbs-error', /^.{500,700}$/],
  ['no status', good(framed(fieldOf(1, token)), {}), 'kbs-error', /without a status/],
  ['a status that is none', only({ 'grpc-status': 'fine' }), 'kbs-error', /without a status/],
  ['a web page', only({ 'content-type': 'text/html', 'grpc-status': 0 }), 'kbs-error', /answered 200 without/],
  ['404', only({ ':status': 404 }), 'kbs-error', /answered 404/],
  ['no message', good(Buffer.alloc(0)), 'kbs-error', /something else than one plain message/],
  ['a compressed message', good(Buffer.concat([Buffer.from([1, 0, 0, 0, 1]), Buffer.from('x')])), 'kbs-error', /plain/],
  ['a message that ends early', good(framed(Buffer.from([0x0a, 0x40, 0x41]))), 'kbs-error', /ends early/],
  ['a length that is none', good(framed(Buffer.alloc(9, 0xff))), 'kbs-error', /too long/],
  ['a message without token', good(framed(fieldOf(2, token))), 'kbs-error', /gRPC 0/],
  ['a token that is none', good(framed(fieldOf(1, 'a.b'))), 'kbs-error', /gRPC 0: a\.b/],
  ['a stream that is reset', (stream) => stream.close(2), 'unreachable', /Stream closed|without an answer/],
  ['a connection that ends', (stream) => stream.session?.destroy(), 'unreachable', /./],
])('%s is refused by name', async (_, answer, code, message) => {
  const { url } = await service(answer)
  await expect(ask(url)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
})

test('an answer without end is not read to its end', async () => {
  let sent = 0
  const { url } = await service((stream) => {
    stream.respond(head)
    const push = (): void => {
      if (stream.destroyed) return
      sent += 1 << 16
      if (stream.write(Buffer.alloc(1 << 16))) setImmediate(push)
      else stream.once('drain', push)
    }
    push()
  })
  await expect(ask(url)).rejects.toMatchObject({ message: expect.stringContaining('larger than the limit') as string })
  expect(sent).toBeLessThan(16 << 20)
})

test('silence and what is not HTTP/2 end in time', async () => {
  const { http, ...ports } = testPorts()
  const impatient = {
    ...ports,
    http: { ...http, request: (url: string, options = {}) => http.request(url, { ...options, timeoutMs: 300 }) },
  }
  const { url } = await service(() => {})
  await expect(ask(url, impatient)).rejects.toMatchObject({ code: 'timeout' })
  const server = createTcp((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  running.push(() => server.close())
  await expect(ask(await listening(server), impatient)).rejects.toMatchObject({ code: 'unreachable' })
})

test.each([
  ['grpc://127.0.0.1:50004', 'grpc://127.0.0.1:50004'],
  ['grpc://[::1]:1/', 'grpc://[::1]:1'],
  ['grpcs://as.example', 'grpcs://as.example'],
  ['https://as.example/', 'https://as.example'],
])('the address %s is taken', (text, want) => {
  expect(checkServiceUrl(text)).toBe(want)
})

test.each([
  'grpc://as.example:50004',
  'grpcs://u:p@as.example',
  'grpcs://as.example/path',
  'grpcs://as.example?x',
  'grpcs://',
  'grpc:127.0.0.1',
  'http://as.example',
])('the address %s is refused', (text) => {
  expect(() => checkServiceUrl(text)).toThrow(
    expect.objectContaining({ code: 'input-invalid', subject: 'trustee-url' }),
  )
})

test('a proxy is said, because gRPC goes by none', async () => {
  const { makeHttp } = await import('../../src/runner/http.ts')
  const http = makeHttp({ https_proxy: 'http://user:hunter2@proxy.example:1' })
  const asked = http.request('https://as.example/x', { http2: true })
  await expect(asked).rejects.toMatchObject({
    code: 'unsupported',
    remedy: expect.stringContaining('no_proxy') as string,
  })
  await expect(asked).rejects.not.toThrow('hunter2')
})

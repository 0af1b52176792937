import type { HttpResponse } from '../../src/base/ports.ts'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { makeHttp } from '../../src/runner/http.ts'

async function serving<T>(answer: RequestListener, use: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/upload`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

async function* pieces(count: number, size: number, onEnd?: () => void): AsyncGenerator<Uint8Array> {
  try {
    for (let i = 0; i < count; i++) yield Buffer.alloc(size, i)
  } finally {
    onEnd?.()
  }
}

describe('a request with a stream as its body', () => {
  test('arrives whole, with status, headers and body of the answer', async () => {
    let got = 0
    const answer: RequestListener = (request, response) => {
      request.on('data', (piece: Buffer) => (got += piece.length))
      request.on('end', () => response.writeHead(202, { location: '/next', 'x-two': ['a', 'b'] }).end('accepted'))
    }
    await serving(answer, async (url) => {
      const response = await makeHttp().request(url, { method: 'PATCH', body: pieces(9, 300_000) })
      expect([response.status, response.headers.get('location'), response.headers.get('x-two')]).toEqual([
        202,
        '/next',
        'a, b',
      ])
      expect(await response.text()).toBe('accepted')
      expect(got).toBe(2_700_000)
    })
  })

  test('204 and redirects come back as they are', async () => {
    await serving(
      (request, response) => {
        request
          .resume()
          .on('end', () => response.writeHead(request.url === '/upload' ? 307 : 204, { location: '/x' }).end())
      },
      async (url) => {
        const send = (to: string): Promise<HttpResponse> =>
          makeHttp().request(to, { method: 'PUT', body: pieces(1, 10) })
        expect((await send(url)).status).toBe(307)
        expect((await send(url.replace('upload', 'other'))).status).toBe(204)
      },
    )
  })

  test('an answer before the end of the body is heard, and the body is let go', async () => {
    let ended = false
    await serving(
      (_request, response) => response.writeHead(401, { connection: 'close' }).end('no'),
      async (url) => {
        const body = pieces(100_000, 100_000, () => (ended = true))
        const response = await makeHttp().request(url, { method: 'PATCH', body })
        expect(response.status).toBe(401)
        await response.text().catch(() => '')
        for (let i = 0; i < 200 && !ended; i++) await new Promise((done) => setTimeout(done, 10))
        expect(ended).toBe(true)
      },
    )
  })

  test('a body that fails, a server that is not there, a time that is over', async () => {
    const http = makeHttp()
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(10)
      throw new Error('the source broke')
    }
    await serving(
      () => {},
      async (url) => {
        await expect(http.request(url, { method: 'PUT', body: failing() })).rejects.toMatchObject({
          cause: expect.objectContaining({ message: 'the source broke' }),
        })
        await expect(http.request(url, { method: 'PUT', body: pieces(1, 1), timeoutMs: 50 })).rejects.toMatchObject({
          code: 'timeout',
        })
      },
    )
    await expect(http.request('http://127.0.0.1:1/', { method: 'PUT', body: pieces(1, 1) })).rejects.toMatchObject({
      code: 'unreachable',
    })
  })
})

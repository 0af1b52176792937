import { createServer, type Server } from 'node:http'
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net'
import { collect } from '../../src/base/streams.ts'
import { makeHttp } from '../../src/runner/http.ts'

async function listening<T>(
  server: Server | ReturnType<typeof createTcp>,
  use: (url: string) => Promise<T>,
): Promise<T> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  } finally {
    server.close()
    if ('closeAllConnections' in server) server.closeAllConnections()
  }
}

/** Answers the first request of a connection, and breaks the connection off when a second one comes. */
function oncePerConnection(asked: string[]): ReturnType<typeof createTcp> {
  const answered = new WeakSet<Socket>()
  return createTcp((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      const line = bytes.toString('latin1').split(' ')[0] ?? ''
      if (!/^[A-Z]+$/.test(line)) return
      asked.push(line)
      if (answered.has(socket)) return socket.resetAndDestroy()
      answered.add(socket)
      return socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
  })
}

test('a server that closes an idle connection is asked once more', async () => {
  const asked: string[] = []
  const http = makeHttp()
  await listening(oncePerConnection(asked), async (url) => {
    expect(await (await http.request(url)).text()).toBe('ok')
    expect(await (await http.request(url)).text()).toBe('ok')
  })
  expect(asked).toEqual(['GET', 'GET', 'GET'])
})

test('a request that may not come twice is not repeated', async () => {
  const asked: string[] = []
  const http = makeHttp()
  await listening(oncePerConnection(asked), async (url) => {
    await (await http.request(url)).text()
    await expect(http.request(url, { method: 'POST', body: 'x' })).rejects.toMatchObject({ code: 'unreachable' })
  })
  expect(asked).toEqual(['GET', 'POST'])
})

test('a small body that nobody wants leaves its connection for the next request, a large one does not', async () => {
  const ports = new Set<number | undefined>()
  const server = createServer((request, response) => {
    ports.add(request.socket.remotePort)
    const body = Buffer.alloc(request.url === '/large' ? 100_000 : 100)
    response.writeHead(404, { 'content-length': body.length }).end(body)
  })
  const http = makeHttp()
  await listening(server, async (url) => {
    for (const name of ['small', 'small', 'large', 'small']) {
      const { body } = await http.request(`${url}${name}`)
      await body?.cancel()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })
  expect(ports.size).toBe(2)
})

test.each(['HEAD', 'GET'])('an answer to %s without a body has none', async (method) => {
  const server = createServer((request, response) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 5, 'x-a': ['1', '2'] }).end()
    else response.writeHead(204, { 'x-a': ['1', '2'] }).end()
  })
  await listening(server, async (url) => {
    const answer = await makeHttp().request(url, { method })
    expect(answer.body).toBeNull()
    expect(answer.headers.get('X-A')).toBe('1, 2')
    expect(answer.headers.has('x-b')).toBe(false)
    expect(await answer.text()).toBe('')
  })
})

test('a body whose time is over ends with the reason of its end', async () => {
  const server = createServer((_, response) => void response.writeHead(200).write('begin'))
  await listening(server, async (url) => {
    const stop = new AbortController()
    const { body } = await makeHttp().request(url, { signal: stop.signal })
    const reading = collect(body ?? [], 100, 'it')
    stop.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
  })
})

test('a byte order mark is no part of a text', async () => {
  const server = createServer((_, response) => void response.end(Buffer.from('\uFEFF{"a":1}')))
  await listening(server, async (url) => {
    expect(await (await makeHttp().request(url)).json()).toEqual({ a: 1 })
  })
})

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { scratch } from '../../testkit/ports.ts'
import { certificateFor } from '../../testkit/tls.ts'
import { digestOf, empty, manifestType, startClient } from './client.ts'
import { serveRegistry } from './server.ts'
import { openStorage } from './storage.ts'

/** Status of `GET /v2/` by https; the error's code where there is none. */
function ask(host: string, tls: { ca: Buffer; key?: Buffer; cert?: Buffer }): Promise<number | string> {
  return new Promise((done) => {
    const sent = request(
      `https://${host}/v2/`,
      { ...tls, servername: 'registry.example', agent: false },
      (response) => {
        response.resume()
        done(response.statusCode ?? 0)
      },
    )
    sent.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'))
    sent.end()
  })
}

test('https is spoken with the given certificate, and clients are asked for theirs', async () => {
  const [server, client, stranger] = ['registry.example', 'client.example', 'stranger.example'].map(certificateFor)
  if (server === undefined || client === undefined || stranger === undefined) throw new Error('no certificates')
  const key = join(server.path, '../key.pem')
  const open = await serveRegistry({ tls: { cert: server.path, key } })
  const closed = await serveRegistry({ tls: { cert: server.path, key, clientCa: client.path } })
  try {
    expect(await ask(open.host, { ca: server.cert })).toBe(200)
    expect(await ask(open.host, { ca: stranger.cert })).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
    expect(await ask(closed.host, { ca: server.cert, key: client.key, cert: client.cert })).toBe(200)
    expect(await ask(closed.host, { ca: server.cert, key: stranger.key, cert: stranger.cert })).not.toBe(200)
    expect(await ask(closed.host, { ca: server.cert })).not.toBe(200)
  } finally {
    await open.close()
    await closed.close()
  }
})

test('an upload goes on where it broke off, by its state', async () => {
  const { registry, send } = await startClient({ quirks: 'break-upload=2' })
  try {
    let target = (await send('POST', 'blobs/uploads/')).headers.get('location') ?? ''
    const first = await send('PATCH', target, { body: '01234', headers: { 'content-range': '0-4' } })
    expect([first.status, first.headers.get('range')]).toEqual([202, '0-4'])
    // The Location that was used is no longer good for writing, but still tells where to go on.
    expect((await send('PATCH', target, { body: '5', headers: { 'content-range': '5-5' } })).status).toBe(404)
    target = first.headers.get('location') ?? ''
    await expect(send('PATCH', target, { body: '567', headers: { 'content-range': '5-7' } })).rejects.toThrow()
    const state = await send('GET', target)
    expect([state.status, state.headers.get('range')]).toEqual([204, '0-7'])
    target = state.headers.get('location') ?? ''
    const late = await send('PATCH', target, { body: '567', headers: { 'content-range': '5-7' } })
    expect([late.status, late.headers.get('range')]).toEqual([416, '0-7'])
    const closed = await send('PUT', `${target}&digest=${digestOf('0123456789')}`, { body: '89' }).catch(() => null)
    expect(closed?.status ?? 'broken').toBe(201)
    expect(await (await send('GET', `blobs/${digestOf('0123456789')}`)).text()).toBe('0123456789')
  } finally {
    await registry.close()
  }
})

test('a conditional write wins once', async () => {
  const { registry, blob, manifest, send } = await startClient()
  try {
    await blob('{}')
    const old = await manifest('v1')
    const next = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config: empty, layers: [] })
    const put = (condition: Record<string, string>): Promise<Response> =>
      send('PUT', 'manifests/v1', { body: next, headers: { 'content-type': manifestType, ...condition } })
    const etag = old.response.headers.get('etag') ?? ''
    expect(etag).toBe(`"${old.digest}"`)
    expect((await put({ 'if-none-match': '*' })).status).toBe(412)
    expect((await put({ 'if-match': etag })).status).toBe(201)
    expect((await put({ 'if-match': etag })).status).toBe(412)
    expect((await send('GET', 'manifests/v1', { headers: { 'if-none-match': `"${digestOf(next)}"` } })).status).toBe(
      304,
    )
  } finally {
    await registry.close()
  }
})

test('what was stored is gone after the end, unless it belongs to somebody else', async () => {
  const { registry, blob } = await startClient()
  await blob('own')
  await registry.close()
  const storage = openStorage()
  const shared = await startClient({ storage })
  await shared.blob('shared')
  await shared.close()
  expect(readFileSync(storage.blobPath(digestOf('shared')), 'utf8')).toBe('shared')
  storage.remove()
  expect(existsSync(storage.blobPath(digestOf('shared')))).toBe(false)
})

test('a program that cannot start says why', () => {
  const run = (...args: string[]): string => {
    try {
      execFileSync(process.execPath, [join(import.meta.dirname, 'index.ts'), ...args], {
        stdio: 'pipe',
        cwd: scratch(),
      })
      return 'started'
    } catch (error) {
      return String((error as { stderr: Buffer }).stderr)
    }
  }
  expect(run('--quirks', 'no-such')).toContain('"no-such" is not a quirk or preset: see --help')
  expect(run('--addr', '10.0.0.1:0')).toContain('loopback only')
})

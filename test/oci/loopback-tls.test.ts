import type { HttpResponse } from '../../src/base/ports.ts'
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { TransportError } from '../../src/base/errors.ts'
import { openSession } from '../../src/oci/session.ts'
import { withPeers } from '../../testkit/peers.ts'
import { fakeHttp } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { certificateFor } from '../../testkit/tls.ts'
import { codeOf, hastyPorts } from './helpers.ts'

const run = promisify(execFile)

withPeers(
  ['docker-registry'],
  'a registry with TLS on loopback is written and read, if its authority is named',
  async () => {
    const { path } = certificateFor('localhost')
    const registry = await startRegistry('docker', { tls: { certificate: path, key: join(dirname(path), 'key.pem') } })
    const host = registry.host.replace('127.0.0.1', 'localhost')
    const child = async (env: Record<string, string>): Promise<unknown> => {
      const script = join(import.meta.dirname, 'tls-child.ts')
      const { stdout } = await run(process.execPath, [script, `${host}/team/app`], {
        env: { PATH: process.env['PATH'], ...env },
      })
      return JSON.parse(stdout)
    }
    try {
      expect(await child({ NODE_EXTRA_CA_CERTS: path })).toEqual({
        same: true,
        tags: ['v1'],
        config: expect.any(Number),
        hosts: [host],
      })
      expect(await child({})).toEqual({
        code: 'unreachable',
        message: expect.stringMatching(/speaks TLS, but its certificate is not accepted: [A-Z_]+$/),
        remedy: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
      })
    } finally {
      await registry.close()
    }
  },
)

/** A registry on loopback of which each scheme answers in its own way; a status, or null for a connection that breaks. */
function answering(schemes: Record<'http:' | 'https:', number | null>): {
  asked: string[]
  send: () => Promise<HttpResponse>
} {
  const asked: string[] = []
  const http = fakeHttp(async (url) => {
    asked.push(url)
    const status = new URL(url).protocol === 'http:' ? schemes['http:'] : schemes['https:']
    if (status === null) throw new TransportError('unreachable', `${url} broke off`)
    return new Response(null, { status })
  })
  const session = openSession('localhost:5000', 'a', hastyPorts({ http }))
  return { asked, send: () => session.send('tags/list') }
}

const plain = 'http://localhost:5000/v2/a/tags/list'
const secure = 'https://localhost:5000/v2/a/tags/list'
const probe = 'https://localhost:5000/v2/'

test.each<[string, number | null]>([
  ['answers 400 to plain http', 400],
  ['breaks off', null],
])('a registry that %s is asked over TLS from then on', async (_what, status) => {
  const { asked, send } = answering({ 'http:': status, 'https:': 200 })
  expect((await send()).status).toBe(200)
  expect((await send()).status).toBe(200)
  expect(asked).toEqual([plain, probe, secure, secure])
})

test('several first requests find it out once', async () => {
  const { asked, send } = answering({ 'http:': 400, 'https:': 200 })
  const found = await Promise.all([send(), send(), send()])
  expect(found.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(asked.filter((url) => url === probe)).toHaveLength(1)
})

test('a plain registry is never asked over TLS, and a 400 of its own stays one', async () => {
  const fine = answering({ 'http:': 200, 'https:': 200 })
  await fine.send()
  expect(fine.asked).toEqual([plain])
  const strict = answering({ 'http:': 400, 'https:': null })
  expect((await strict.send()).status).toBe(400)
  expect((await strict.send()).status).toBe(400)
  expect(strict.asked).toEqual([plain, probe, plain])
})

test('nothing there is unreachable, as before', async () => {
  const { asked, send } = answering({ 'http:': null, 'https:': null })
  expect(await codeOf(send())).toBe('unreachable')
  expect(asked.filter((url) => url === plain)).toHaveLength(5)
})

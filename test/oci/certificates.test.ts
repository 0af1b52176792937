import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { certificateFolders, certificatesFor } from '../../src/oci/certificates.ts'
import { sha256 } from '../../src/base/streams.ts'
import type { Digest } from '../../src/oci/types.ts'
import { scratch } from '../../testkit/ports.ts'
import { testAuthority } from '../../testkit/tls.ts'
import { codeOf, hastyPorts, readAll, storeOf } from './helpers.ts'

const authority = testAuthority()
const strange = testAuthority()
const serverPair = authority.issue('127.0.0.1')
const clientPair = authority.issue('client')

const open: Server[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A registry over TLS that notes who was there; with `mutual` it wants a certificate of our authority. */
async function registry(mutual = false, location: string | null = null): Promise<{ host: string; seen: string[] }> {
  const seen: string[] = []
  const server = createServer(
    {
      key: readFileSync(serverPair.key),
      cert: readFileSync(serverPair.certificate),
      ca: readFileSync(authority.path),
      requestCert: true,
      rejectUnauthorized: mutual,
    },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate()
      seen.push(`${request.url} ${String(subject?.CN ?? '-')} ${request.headers.authorization ?? '-'}`)
      if (location !== null && request.url?.includes('/blobs/')) response.writeHead(307, { location }).end()
      else if (request.url?.includes('/blobs/') || request.url === '/there') response.end('layer')
      else response.end('{"tags":["v1"]}')
    },
  )
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

/** A home with files for these hosts: `{host: {'ca.crt': path}}`. */
function homeWith(hosts: Record<string, Record<string, string>>, below = '.config/containers'): string {
  const home = scratch('home')
  for (const [host, files] of Object.entries(hosts)) {
    const folder = join(home, below, 'certs.d', host)
    mkdirSync(folder, { recursive: true })
    for (const [name, path] of Object.entries(files)) copyFileSync(path, join(folder, name))
  }
  return home
}

const portsAt = (home: string): ReturnType<typeof hastyPorts> => hastyPorts({ env: { HOME: home } })
const ca = { 'ca.crt': authority.path }
const client = { 'client.cert': clientPair.certificate, 'client.key': clientPair.key }
const blob = { digest: sha256('layer') as Digest, size: 5 }

test.each(['.config/containers', '.docker'])('an authority in ~/%s/certs.d is enough', async (below) => {
  const { host, seen } = await registry()
  expect(await storeOf(`${host}/a`, portsAt(homeWith({ [host]: ca }, below))).tags()).toEqual(['v1'])
  // A folder of certificates says that TLS is spoken: nothing goes out in the clear before.
  expect(seen).toEqual(['/v2/a/tags/list - -'])
})

test('without it, or with another one, the error names the folders and is not tried again', async () => {
  const { host, seen } = await registry()
  for (const hosts of [{}, { [host]: { 'ca.crt': strange.path } }, { '127.0.0.1': ca }]) {
    const home = homeWith(hosts)
    const ports = portsAt(home)
    await expect(storeOf(`${host}/a`, ports).tags()).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('its certificate is not accepted'),
      remedy: expect.stringContaining(join(home, '.config/containers/certs.d', host)),
    })
    expect(ports.slept).toEqual([])
  }
  expect(seen).toEqual([])
})

test('a client certificate is shown to its own registry only', async () => {
  const storage = await registry()
  const { host, seen } = await registry(true, `https://${storage.host}/there`)
  const ports = portsAt(homeWith({ [host]: { ...ca, ...client }, [storage.host]: ca }))
  expect(await readAll(storeOf(`${host}/a`, ports), blob)).toBe('layer')
  expect(seen).toEqual([`/v2/a/blobs/${blob.digest} client -`])
  expect(storage.seen).toEqual(['/there - -'])
  // The authority of the registry does not vouch for the storage.
  const alone = portsAt(homeWith({ [host]: { ...ca, ...client } }))
  expect(await codeOf(readAll(storeOf(`${host}/a`, alone), blob))).toBe('unreachable')
})

test('a registry that wants a client certificate and gets none is told as such', async () => {
  const { host } = await registry(true)
  const home = homeWith({ [host]: ca })
  await expect(storeOf(`${host}/a`, portsAt(home)).tags()).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('wants a certificate'),
    remedy: expect.stringMatching(/client\.cert and client\.key into one of .*certs\.d/),
  })
})

test('an https registry does not go on in the clear, and a password does not go along', async () => {
  const plain: string[] = []
  const sink = createPlainServer((request, response) => {
    plain.push(request.url ?? '')
    response.end('layer')
  }).listen(0, '127.0.0.1')
  await once(sink, 'listening')
  const port = (sink.address() as AddressInfo).port
  try {
    const { host } = await registry(false, `http://127.0.0.1:${port}/there`)
    const ports = portsAt(homeWith({ [host]: ca }))
    await expect(readAll(storeOf(`${host}/a`, ports), blob)).rejects.toMatchObject({
      code: 'registry-error',
      message: expect.stringContaining('which is not followed'),
    })
    expect(plain).toEqual([])
  } finally {
    sink.closeAllConnections()
    sink.close()
  }
})

test('the folders, the first that exists first', () => {
  expect(certificateFolders('r:5000', { env: { HOME: '/h' } })).toEqual([
    '/h/.config/containers/certs.d/r:5000',
    '/h/.docker/certs.d/r:5000',
    '/etc/containers/certs.d/r:5000',
    '/etc/docker/certs.d/r:5000',
  ])
  const named = { HOME: '/h', XDG_CONFIG_HOME: '/c', DOCKER_CONFIG: '/d' }
  expect(certificateFolders('r', { env: named }).slice(0, 2)).toEqual(['/c/containers/certs.d/r', '/d/certs.d/r'])
  expect(certificateFolders('r', { env: {} })).toEqual(['/etc/containers/certs.d/r', '/etc/docker/certs.d/r'])
})

test.each<[string, Record<string, string>, string]>([
  ['a certificate without its key', { 'a.cert': clientPair.certificate }, 'file-missing'],
  ['a key without its certificate', { 'a.key': clientPair.key }, 'file-missing'],
  ['a key of another certificate', { 'a.cert': clientPair.certificate, 'a.key': serverPair.key }, 'file-invalid'],
  ['a key as authority', { 'ca.crt': clientPair.key }, 'file-invalid'],
])('%s is refused by name', async (_name, files, code) => {
  const home = homeWith({ r: files })
  await expect(certificatesFor('r', portsAt(home))).rejects.toMatchObject({
    code,
    subject: expect.stringContaining('certs.d/r'),
  })
})

test('an empty file, and a folder without any', async () => {
  const home = homeWith({ r: {}, s: {} })
  writeFileSync(join(home, '.config/containers/certs.d/s/ca.crt'), '')
  expect(await certificatesFor('r', portsAt(home))).toEqual({})
  expect(await codeOf(certificatesFor('s', portsAt(home)))).toBe('file-invalid')
})

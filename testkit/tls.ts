import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { scratch } from './ports.ts'

/** A fresh self-signed certificate for a name that only a proxy of the test knows. `path` is for `NODE_EXTRA_CA_CERTS`. */
export function certificateFor(name: string): { key: Buffer; cert: Buffer; path: string } {
  const folder = scratch('tls')
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', cert, ...subject], { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(cert), path: cert }
}

export interface TestAuthority {
  /** Path of its certificate (PEM). */
  readonly path: string
  /** A certificate for servers and clients, for a DNS name or an address: paths of PEM files. */
  issue(name: string): { certificate: string; key: string }
}

/** An authority of the test's own. */
export function testAuthority(): TestAuthority {
  const folder = scratch('ca')
  const at = (name: string): string => join(folder, name)
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const run = (...args: string[]): void => {
    execFileSync('openssl', args, { stdio: 'ignore' })
  }
  run(
    'req',
    '-x509',
    ...curve,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt'),
    '-days',
    '2',
    '-subj',
    '/CN=Test authority',
  )
  let count = 0
  return {
    path: at('ca.crt'),
    issue: (name) => {
      const stem = at(`leaf-${count++}`)
      const san = `subjectAltName=${/^[0-9.]+$/.test(name) ? 'IP' : 'DNS'}:${name}`
      run('req', ...curve, '-keyout', `${stem}.key`, '-out', `${stem}.csr`, '-subj', `/CN=${name}`)
      writeFileSync(`${stem}.ext`, `${san}\nextendedKeyUsage=serverAuth,clientAuth\n`)
      const signer = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-set_serial', String(count)]
      run(
        'x509',
        '-req',
        '-in',
        `${stem}.csr`,
        '-out',
        `${stem}.crt`,
        '-days',
        '2',
        ...signer,
        '-extfile',
        `${stem}.ext`,
      )
      return { certificate: `${stem}.crt`, key: `${stem}.key` }
    },
  }
}

/** A small proxy: answers for absolute URLs itself, tunnels `CONNECT` to this machine whatever the name, and tells what it was asked for. */
export async function startProxy(
  answer: (request: IncomingMessage) => { headers?: Record<string, string>; body: string | Buffer } = () => ({
    body: 'by the proxy',
  }),
): Promise<{ url: string; asked: string[]; close(): Promise<void> }> {
  const asked: string[] = []
  const note = (request: IncomingMessage): void => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? '-'}`)
  }
  const server = createServer((request, response) => {
    note(request)
    const { headers = {}, body } = answer(request)
    response.writeHead(200, headers).end(body)
  })
  server.on('connect', (request, socket) => {
    note(request)
    const upstream = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { SignJWT, importPKCS8 } from 'jose'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { compileCacheEnv } from '../../testkit/compile-cache.ts'
import { root, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { startProxy, testAuthority, type TestAuthority } from '../../testkit/tls.ts'

/** Files of a `certs.d` folder by name. */
type Files = Readonly<Record<string, string>>

interface Bench {
  readonly home: string
  readonly image: string
  /** Writes files for a host into the user's folder. */
  trust(host: string, files: Files): void
  /** Runs our command line; gives exit code and the JSON that it printed. */
  run(args: readonly string[], env?: Record<string, string>): Promise<Ran>
}

interface Ran {
  code: number
  outputs: Record<string, string>
  error: { code: string; message: string; remedy: string } | null
  hosts: string[]
}

/** A user with a home of their own, a key, a policy and an image in a layout. */
async function bench(): Promise<Bench> {
  const home = scratch('user')
  const at = (name: string): string => join(home, name)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(at('k.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(at('k.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const accepted = ['signature-only', 'not-rebuilt', 'unproven-time', 'unbound-source'].map(
    (what) => `accept-${what}: true\n`,
  )
  writeFileSync(at('policy.yml'), `version: 1\nrelease-keys: [k.pub]\nstatements: [sign]\n${accepted.join('')}`)
  await putSmallImage(openStore(parseReference(`oci:${at('image')}`, '/'), testPorts()), smallFiles, 'v1')
  return {
    home,
    image: `oci:${at('image')}:v1`,
    trust: (host, files) => {
      const folder = join(home, '.config/containers/certs.d', host)
      mkdirSync(folder, { recursive: true })
      for (const [name, path] of Object.entries(files)) copyFileSync(path, join(folder, name))
    },
    run: (args, env = {}) =>
      new Promise((resolve, reject) => {
        const command = [join(root, 'testkit/cli-entry.ts'), ...args, '--json', '--state', at('state')]
        const options = { cwd: home, env: { PATH: process.env['PATH'], HOME: home, ...compileCacheEnv, ...env } }
        const child = execFile(process.execPath, command, options, (_error, stdout, stderr) => {
          try {
            const { outputs = {}, error = null } = JSON.parse(stdout) as Partial<Ran>
            const report = outputs['report-path']
            const { hosts = [] } = (
              report === undefined ? {} : JSON.parse(readFileSync(report, 'utf8'))
            ) as Partial<Ran>
            resolve({ code: child.exitCode ?? -1, outputs, error, hosts })
          } catch (cause) {
            reject(new Error(`${args[0]} printed ${stdout}${stderr}`, { cause }))
          }
        })
      }),
  }
}

/** Signs an image into a repository, verifies it there, and promotes it to another repository of the same registry, where it is verified again. */
async function throughAll(user: Bench, host: string, env: Record<string, string> = {}): Promise<string[]> {
  const key = ['--signer', 'key', '--key', 'k.pem', '--statements', 'sign']
  const signed = await user.run(['sign-attest', '--image', user.image, '--output', `${host}/t/app:v1`, ...key], env)
  expect(signed).toMatchObject({ code: 0, error: null })
  const gate = ['--image', `${host}/t/app:v1`, '--policy', 'policy.yml']
  const verified = await user.run(['verify-deploy', ...gate], env)
  expect(verified).toMatchObject({ code: 0, outputs: { verified: 'true' } })
  const way = ['--from', `${host}/t/app:v1`, '--to', `${host}/prod/app:v1`]
  expect(await user.run(['promote', ...way, '--policy', 'policy.yml'], env)).toMatchObject({ code: 0, error: null })
  return signed.hosts
}

const portOf = (host: string): string => host.replace(/^.*:/, '')

withPeers([registryPeers.docker], 'on localhost with an authority of its own: publish, verify, promote', async () => {
  const authority = testAuthority()
  const registry = await startRegistry('docker', { tls: authority.issue('localhost') })
  const host = `localhost:${portOf(registry.host)}`
  try {
    const user = await bench()
    const sign = [
      'sign-attest',
      '--image',
      user.image,
      '--output',
      `${host}/t/app:v1`,
      '--signer',
      'key',
      '--key',
      'k.pem',
    ]
    expect(await user.run(sign)).toMatchObject({
      code: 3,
      error: {
        code: 'unreachable',
        remedy: expect.stringContaining(join(user.home, '.config/containers/certs.d', host)),
      },
    })
    user.trust(host, { 'ca.crt': authority.path })
    expect(await throughAll(user, host)).toEqual([host])
  } finally {
    await registry.close()
  }
})

withPeers([registryPeers.docker], 'with a client certificate: publish, verify, promote', async () => {
  const authority = testAuthority()
  const clients = testAuthority()
  const tls = { ...authority.issue('127.0.0.1'), clientCa: clients.path }
  const registry = await startRegistry('docker', { tls })
  const { host } = registry
  try {
    const user = await bench()
    const filesOf = (of: TestAuthority): Files => {
      const { certificate, key } = of.issue('me')
      return { 'client.cert': certificate, 'client.key': key }
    }
    const sign = [
      'sign-attest',
      '--image',
      user.image,
      '--output',
      `${host}/t/app:v1`,
      '--signer',
      'key',
      '--key',
      'k.pem',
    ]
    const refused = {
      code: 3,
      error: { message: expect.stringContaining('wants a certificate'), remedy: expect.stringContaining('client.key') },
    }
    user.trust(host, { 'ca.crt': authority.path })
    expect(await user.run(sign)).toMatchObject(refused)
    user.trust(host, filesOf(authority))
    expect(await user.run(sign)).toMatchObject(refused)
    user.trust(host, filesOf(clients))
    await throughAll(user, host)
  } finally {
    await registry.close()
  }
})

withPeers([registryPeers.docker], 'behind a CONNECT proxy: publish, verify, promote', async () => {
  const authority = testAuthority()
  const registry = await startRegistry('docker', { tls: authority.issue('registry.example') })
  const host = `registry.example:${portOf(registry.host)}`
  const proxy = await startProxy()
  try {
    const user = await bench()
    const login = proxy.url.replace('//', '//user:word@')
    const hosts = await throughAll(user, host, { HTTPS_PROXY: login, SSL_CERT_FILE: authority.path })
    expect(hosts).toEqual([new URL(proxy.url).host, host].sort())
    expect(new Set(proxy.asked)).toEqual(new Set([`CONNECT ${host} Basic ${btoa('user:word')}`]))
  } finally {
    await proxy.close()
    await registry.close()
  }
})

interface TokenService {
  url: string
  host: string
  asked: { scopes: string[]; authorization: string }[]
  close(): void
}

/** A token service as distribution's "Token Authentication Specification" has it; its answers live for a minute. */
async function startTokenService(authority: TestAuthority, address: string, login: string): Promise<TokenService> {
  const signer = authority.issue('signer')
  const pem = readFileSync(signer.certificate, 'utf8')
  const key = await importPKCS8(readFileSync(signer.key, 'utf8'), 'ES256')
  const asked: TokenService['asked'] = []
  const pair = authority.issue(address)
  const server = createServer(
    { key: readFileSync(pair.key), cert: readFileSync(pair.certificate) },
    (request, response) => {
      const url = new URL(request.url ?? '/', 'https://x')
      const { authorization = '' } = request.headers
      const scopes = url.searchParams.getAll('scope')
      asked.push({ scopes, authorization })
      if (authorization !== `Basic ${btoa(login)}`) return void response.writeHead(401).end()
      const access = scopes.map((scope) => {
        const [type, name, actions = ''] = scope.split(':')
        return { type, name, actions: actions.split(',') }
      })
      const der = pem.replace(/-----[^-]+-----|\s/g, '')
      void new SignJWT({ access })
        .setProtectedHeader({ alg: 'ES256', typ: 'JWT', x5c: [der] })
        .setIssuer('test')
        .setAudience('test')
        .setSubject('user')
        .setIssuedAt()
        .setNotBefore(Math.floor(Date.now() / 1000) - 5)
        .setExpirationTime('60s')
        .setJti(String(asked.length))
        .sign(key)
        .then((token) => response.end(JSON.stringify({ token, expires_in: 60 })))
    },
  )
  server.listen(0, address)
  await once(server, 'listening')
  const host = `${address}:${(server.address() as AddressInfo).port}`
  return {
    url: `https://${host}/token`,
    host,
    asked,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

withPeers([registryPeers.docker], 'with a token service on another host: publish, verify, promote', async () => {
  const authority = testAuthority()
  const service = await startTokenService(authority, '127.0.0.2', 'user:s3cret')
  const tls = authority.issue('127.0.0.1')
  const registry = await startRegistry('docker', { tls, token: { realm: service.url, authority: authority.path } })
  const { host } = registry
  try {
    const user = await bench()
    for (const one of [host, service.host]) user.trust(one, { 'ca.crt': authority.path })
    const sign = [
      'sign-attest',
      '--image',
      user.image,
      '--output',
      `${host}/t/app:v1`,
      '--signer',
      'key',
      '--key',
      'k.pem',
    ]
    expect(await user.run(sign)).toMatchObject({
      code: 3,
      error: { code: 'unauthorized', remedy: expect.stringContaining(join(user.home, '.docker/config.json')) },
    })
    mkdirSync(join(user.home, '.docker'))
    writeFileSync(
      join(user.home, '.docker/config.json'),
      JSON.stringify({ auths: { [host]: { auth: btoa('user:s3cret') } } }),
    )
    service.asked.length = 0
    expect(await throughAll(user, host)).toEqual([host, service.host].sort())
    expect(new Set(service.asked.map(({ authorization }) => authorization))).toEqual(
      new Set([`Basic ${btoa('user:s3cret')}`]),
    )
    const scopes = service.asked.flatMap((one) => one.scopes)
    // A mount reads its source and writes its target by one token.
    expect(service.asked.map((one) => one.scopes)).toContainEqual([
      'repository:prod/app:pull,push',
      'repository:t/app:pull',
    ])
    expect(new Set(scopes)).toEqual(
      new Set([
        'repository:t/app:pull',
        'repository:t/app:pull,push',
        'repository:prod/app:pull',
        'repository:prod/app:pull,push',
      ]),
    )
    // Another service's certificate is another host's: without its folder nothing is sent to it.
    const alone = await bench()
    alone.trust(host, { 'ca.crt': authority.path })
    const before = service.asked.length
    const gate = ['verify-deploy', '--image', `${host}/t/app:v1`, '--policy', 'policy.yml']
    expect(await alone.run(gate)).toMatchObject({
      code: 3,
      error: { message: expect.stringContaining(`${service.host} speaks TLS`) },
    })
    expect(service.asked).toHaveLength(before)
  } finally {
    service.close()
    await registry.close()
  }
})

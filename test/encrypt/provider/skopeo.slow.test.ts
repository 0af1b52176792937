import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startKbs } from '../../../src/kbs-server/server.ts'
import { openStorage } from '../../../src/kbs-server/storage.ts'
import { loadImage } from '../../../src/image/load.ts'
import { openLayout } from '../../../src/oci/layout.ts'
import type { Digest } from '../../../src/oci/types.ts'
import { peer, root, withPeers } from '../../../testkit/peers.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { makeImage } from '../support.ts'

const ports = testPorts()
const entry = join(root, 'testkit/cli-entry.ts')
const uri = 'kbs:///default/image-key/app'

/** Runs the command line from sources. @returns stdout */
async function sealwright(cwd: string, ...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [entry, ...args], { cwd })).stdout
}

/** An example of docs/encryption.md with the paths of this test. */
function documented(block: string, directory: string): string {
  const page = readFileSync(join(root, 'docs/encryption.md'), 'utf8')
  const found = new RegExp(`<!-- ${block} -->\\n\`\`\`[a-z]+\\n([^]*?)\`\`\``).exec(page)?.[1]
  if (found === undefined) throw new Error(`docs/encryption.md has no example ${block}`)
  return found.replaceAll('/run/sealwright/', `${directory}/`)
}

/** A provider of the key on a socket of the folder, until `use` is done. */
async function serving<T>(directory: string, use: () => Promise<T>): Promise<T> {
  const args = [
    entry,
    'keyprovider',
    'serve',
    '--listen',
    `unix:${directory}/keys.sock`,
    '--key-file',
    `${uri}=app.key`,
  ]
  const child = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise((done) => child.once('close', done))
  let told = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
  try {
    for (let i = 0; i < 300 && !told.includes('Ctrl-C'); i++) await new Promise((next) => setTimeout(next, 100))
    return await use()
  } finally {
    child.kill('SIGTERM')
    await ended
    expect(existsSync(join(directory, 'keys.sock'))).toBe(false)
    expect(told).not.toContain(readFileSync(join(directory, 'app.key')).toString('base64'))
  }
}

/** Encrypts and decrypts with skopeo, and opens what it made by our own command. */
async function bothWays(directory: string, provider: string): Promise<void> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    OCICRYPT_KEYPROVIDER_CONFIG: join(directory, 'ocicrypt.json'),
  }
  const skopeo = (...args: string[]): Promise<unknown> =>
    promisify(execFile)(peer('skopeo-new'), ['--insecure-policy', 'copy', ...args], { cwd: directory, env })
  const digests = async (name: string): Promise<string[]> => {
    const store = openLayout(join(directory, name), 'localhost/x', ports)
    const image = await loadImage(store, (await store.resolve({ tag: 'x' }))?.digest as Digest)
    return image.manifest.layers.map(({ digest }) => digest)
  }
  await skopeo('--encryption-key', `provider:${provider}:${uri}`, 'oci:plain:latest', `oci:sealed-${provider}:x`)
  await skopeo('--decryption-key', `provider:${provider}`, `oci:sealed-${provider}:x`, `oci:theirs-${provider}:x`)
  await sealwright(
    directory,
    'decrypt',
    `oci:sealed-${provider}:x`,
    '--output',
    `oci:ours-${provider}:x`,
    '--key-file',
    'app.key',
  )
  const { image } = await makeImage(join(directory, 'same'), ports, contents)
  const plain = image.manifest.layers.map(({ digest }) => digest)
  expect(await digests(`theirs-${provider}`)).toEqual(plain)
  expect(await digests(`ours-${provider}`)).toEqual(plain)
  expect(await digests(`sealed-${provider}`)).not.toEqual(plain)
  // Another key is refused, in words that reach skopeo's user over gRPC.
  const refused = skopeo(
    '--encryption-key',
    `provider:${provider}:kbs:///default/image-key/other`,
    'oci:plain:latest',
    'oci:none:x',
  )
  await expect(refused).rejects.toMatchObject({
    stderr: expect.stringMatching(provider === 'sealwright' ? /image-key\/other is not available here/ : /./),
  })
}

const contents = [randomBytes(200_000), Buffer.from('second')]

/** Encrypts the prepared image for the KBS key, as `oci:plain:latest-encrypted`. */
function encryptPlain(directory: string): Promise<string> {
  const key = ['--recipients', uri, '--key-file', 'app.key']
  return sealwright(directory, 'encrypt', '--image', 'oci:plain:latest', ...key, '--state', 'state')
}

async function prepared(): Promise<string> {
  const directory = scratch('provider')
  await makeImage(join(directory, 'plain'), ports, contents)
  await writeFile(join(directory, 'app.key'), randomBytes(32), { mode: 0o600 })
  return directory
}

describe('skopeo with our keys, configured as in docs/encryption.md', () => {
  withPeers(['skopeo-new'], 'by gRPC over a unix socket', async () => {
    const directory = await prepared()
    await writeFile(join(directory, 'ocicrypt.json'), documented('keyprovider serve', directory))
    await serving(directory, () => bothWays(directory, 'sealwright'))
  })

  withPeers(['skopeo-new'], 'by a program that it starts', async () => {
    const directory = await prepared()
    const program = join(directory, 'sealwright')
    await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${entry}" "$@"\n`, { mode: 0o755 })
    const text = documented('keyprovider exec', directory).replaceAll('/usr/local/bin/sealwright', program)
    await writeFile(join(directory, 'ocicrypt.json'), text)
    await bothWays(directory, 'sealwright-exec')
  })

  withPeers(
    ['skopeo-new'],
    'the same image for a partner: rewrap, then skopeo opens it with the partner’s key',
    async () => {
      const directory = await prepared()
      const run = promisify(execFile)
      await run('openssl', ['genrsa', '-out', 'partner.pem', '2048'], { cwd: directory })
      await run('openssl', ['rsa', '-in', 'partner.pem', '-pubout', '-out', 'partner.pub'], { cwd: directory })
      await encryptPlain(directory)
      const args = [
        'rewrap',
        'oci:plain:latest-encrypted',
        '--recipients',
        'jwe:partner.pub',
        '--keep',
        '--key-file',
        'app.key',
      ]
      const { outputs } = JSON.parse(await sealwright(directory, ...args, '--json')) as {
        outputs: Record<string, unknown>
      }
      expect(outputs).toMatchObject({
        layers: 2,
        image: expect.stringContaining(':latest-encrypted-rewrapped@sha256:'),
      })
      await run(
        peer('skopeo-new'),
        [
          '--insecure-policy',
          'copy',
          '--decryption-key',
          'partner.pem',
          'oci:plain:latest-encrypted-rewrapped',
          'oci:opened:x',
        ],
        { cwd: directory },
      )
      expect(existsSync(join(directory, 'opened/index.json'))).toBe(true)
    },
  )
})

withPeers(['softhsm2-util', 'pkcs11-tool'], 'a key in a token, by the program of docs/encryption.md', async () => {
  const directory = await prepared()
  const module = '/usr/lib/softhsm/libsofthsm2.so'
  await mkdir(join(directory, 'tokens'))
  await writeFile(join(directory, 'hsm.conf'), `directories.tokendir = ${directory}/tokens\n`)
  await writeFile(join(directory, 'unwrap'), documented('unwrap-command', directory), { mode: 0o755 })
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    SOFTHSM2_CONF: join(directory, 'hsm.conf'),
    PIN: '1234',
  }
  const run = (program: string, ...args: string[]): Promise<unknown> =>
    promisify(execFile)(program, args, { cwd: directory, env })
  await run(peer('softhsm2-util'), '--init-token', '--free', '--label', 't', '--pin', '1234', '--so-pin', '5678')
  const token = ['--module', module, '--login', '--pin', 'env:PIN', '--id', '01']
  await run(peer('pkcs11-tool'), ...token, '--keypairgen', '--key-type', 'rsa:2048', '--usage-decrypt')
  await run(peer('pkcs11-tool'), ...token, '--read-object', '--type', 'pubkey', '-o', 'token.der')
  await run('openssl', 'rsa', '-pubin', '-inform', 'DER', '-in', 'token.der', '-pubout', '-out', 'token.pub')
  const node = [process.execPath, entry] as const
  await run(...node, 'encrypt', '--image', 'oci:plain:latest', '--recipients', 'pkcs11:token.pub', '--state', 'state')
  const decrypt = [
    ...node,
    'decrypt',
    'oci:plain:latest-encrypted',
    '--output',
    'oci:opened:x',
    '--unwrap-command',
  ] as const
  await run(...decrypt, 'unwrap')
  const store = openLayout(join(directory, 'opened'), 'localhost/x', ports)
  expect((await store.resolve({ tag: 'x' }))?.digest).toBe(
    (await openLayout(join(directory, 'plain'), 'localhost/x', ports).resolve({ tag: 'latest' }))?.digest,
  )
  // A program that fails, and one whose token does not open the packet.
  await expect(run(...decrypt, '/bin/false')).rejects.toMatchObject({ code: 1 })
  await expect(run(...decrypt, join(directory, 'hsm.conf'))).rejects.toMatchObject({ code: expect.any(Number) })
})

test('a key that a KBS gives to this machine opens the image, and its policy decides', async () => {
  const directory = await prepared()
  const storage = await openStorage(join(directory, 'kbs'), ports)
  await storage.write(readFileSync(join(directory, 'app.key')), 'resources', 'default/image-key/app')
  await (await startKbs({ directory: join(directory, 'kbs'), listen: '127.0.0.1:0', ports })).close()
  await encryptPlain(directory)
  const decrypt = (output: string): Promise<string> =>
    sealwright(
      directory,
      'decrypt',
      'oci:plain:latest-encrypted',
      '--output',
      output,
      '--kbs-url',
      'embedded:kbs',
      '--technology',
      'sample',
    )
  await expect(decrypt('oci:refused')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('error (denied)'),
  })
  await storage.write('package policy\n\ndefault allow := true\n', 'resource-policy.rego')
  expect(await decrypt('oci:opened')).toContain('2 of 2 layers were decrypted.')
})

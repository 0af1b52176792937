import { execFileSync, spawnSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, randomBytes, scryptSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { writePem } from '../../src/encoding/pem.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { loadPublicKey, verifySignature } from '../../src/sign/public-key.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const bytes = Buffer.from('signed bytes')

/** A key file as securesystemslib writes it, at a cost of our choice. */
function sealed(pkcs8: Buffer, password: string, cost: number): string {
  const [salt, nonce] = [randomBytes(32), randomBytes(24)]
  const key = scryptSync(password, salt, 32, { N: cost, r: 8, p: 1, maxmem: 512 << 20 })
  const body = {
    kdf: { name: 'scrypt', params: { N: cost, r: 8, p: 1 }, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(xsalsa20poly1305(key, nonce).encrypt(pkcs8)).toString('base64'),
  }
  return writePem('ENCRYPTED SIGSTORE PRIVATE KEY', Buffer.from(JSON.stringify(body)))
}

function cosignOpens(program: string, folder: string, password: string): boolean {
  const env = { PATH: process.env['PATH'], HOME: folder, COSIGN_PASSWORD: password }
  return spawnSync(peer(program), ['public-key', '--key', 'cosign.key'], { cwd: folder, env }).status === 0
}

for (const program of ['cosign3'])
  withPeers([program], `${program} and we open a key at the same costs of scrypt`, async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
    const opened: Record<number, [boolean, boolean]> = {}
    for (const cost of [16_384, 32_768, 65_536, 131_072, 262_144]) {
      const folder = scratch('cost')
      const text = sealed(pkcs8, 'secret', cost)
      writeFileSync(join(folder, 'cosign.key'), text)
      const ours = await loadSigner(text, 'secret').then(
        async (signer) =>
          verifySignature(
            loadPublicKey(createPublicKey(privateKey).export({ format: 'pem', type: 'spki' }).toString()),
            bytes,
            await signer.sign(bytes),
          ),
        () => false,
      )
      opened[cost] = [cosignOpens(program, folder, 'secret'), ours]
    }
    expect(opened).toEqual({
      16_384: [false, false],
      32_768: [true, true],
      65_536: [true, true],
      131_072: [true, true],
      262_144: [false, false],
    })
  })

const passwords = { 'line break': 'secret\n', 'byte order mark': '\ufeffsecret\r\n' }

for (const program of ['cosign2', 'cosign3'])
  withPeers(
    [program],
    `a key that ${program} made with a piped password is opened with the same bytes in a file`,
    async () => {
      for (const [title, password] of Object.entries(passwords)) {
        const folder = scratch('piped')
        const env = { PATH: process.env['PATH'], HOME: folder }
        execFileSync(peer(program), ['generate-key-pair'], { cwd: folder, env, input: password, stdio: 'pipe' })
        writeFileSync(join(folder, 'password'), password)
        const inputs = rawInputs({
          given: () => join(folder, 'password'),
          defaults: {},
          ports: testPorts(),
          confine: null,
          label: (name) => name,
        })
        const text = readFileSync(join(folder, 'cosign.key'), 'utf8')
        const signer = await loadSigner(text, await inputs.passwords('key-password'))
        const key = loadPublicKey(readFileSync(join(folder, 'cosign.pub'), 'utf8'))
        expect([title, verifySignature(key, bytes, await signer.sign(bytes))]).toEqual([title, true])
        await expect(loadSigner(text, 'secret')).rejects.toMatchObject({ code: 'file-invalid' })
      }
    },
  )

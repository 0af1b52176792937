import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { idKeyDigest } from '../../../src/tee/measure/id-key.ts'
import { root, withPeers } from '../../../testkit/peers.ts'

const pems = (namedCurve: string): { secret: string; open: string } => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  return {
    secret: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    open: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  }
}

withPeers(['sev-snp-measure'], 'digests of ID and author keys as snp-create-id-block gives them', async () => {
  const program = join(root, '.peers/venv/sev-snp-measure/bin/snp-create-id-block')
  expect(existsSync(program)).toBe(true)
  const folder = mkdtempSync(join(tmpdir(), 'sealwright-id-'))
  for (let n = 0; n < 5; n++) {
    const [id, author] = [pems('P-384'), pems('P-384')]
    writeFileSync(join(folder, 'id'), id.secret)
    writeFileSync(join(folder, 'author'), author.secret)
    const measurement = Buffer.alloc(48, n).toString('base64')
    const args = ['--measurement', measurement, '--idkey', join(folder, 'id'), '--authorkey', join(folder, 'author')]
    const { stdout, status } = spawnSync(program, args, { encoding: 'utf8' })
    expect(status).toBe(0)
    expect(stdout).toContain(`id_key_hash: ${idKeyDigest(id.open, 'id').toString('base64')}`)
    expect(stdout).toContain(`author_key: ${idKeyDigest(author.open, 'author').toString('base64')}`)
  }
})

test('the private half gives the same digest', () => {
  const { secret, open } = pems('P-384')
  expect(idKeyDigest(secret, 'key')).toEqual(idKeyDigest(open, 'key'))
})

test('other keys are refused', () => {
  expect(() => idKeyDigest(pems('P-256').open, 'key')).toThrow('not an EC key on P-384')
  const edwards = generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString()
  expect(() => idKeyDigest(edwards, 'key')).toThrow('not an EC key on P-384')
  expect(() => idKeyDigest('nothing', 'key')).toThrow('no key in PEM form')
})

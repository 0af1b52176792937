import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadPublicKey, verifySignature } from '../../src/sign/public-key.ts'
import { openSigner } from '../../src/sign/signers/open.ts'
import type { Ports } from '../../src/base/ports.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const needs = ['softhsm2-util', 'pkcs11-tool']
const module = '/usr/lib/softhsm/libsofthsm2.so'
const bytes = Buffer.from('what is signed')
const pin = '1234'

/** A fresh software token with a key of each kind. */
function token(): { ports: Ports; uri: (part: string) => string } {
  const folder = scratch('softhsm')
  const config = join(folder, 'softhsm2.conf')
  mkdirSync(join(folder, 'tokens'))
  writeFileSync(config, `directories.tokendir = ${join(folder, 'tokens')}\n`)
  const base = testPorts()
  const ports = { ...base, env: { ...base.env, SOFTHSM2_CONF: config } }
  const env = { ...process.env, SOFTHSM2_CONF: config, PIN: pin }
  const run = (program: string, ...args: string[]): void => void execFileSync(program, args, { env, stdio: 'pipe' })
  run('softhsm2-util', '--init-token', '--free', '--label', 'a token', '--pin', pin, '--so-pin', '5678')
  for (const [i, kind] of ['EC:prime256v1', 'EC:secp384r1', 'EC:secp521r1', 'rsa:2048', 'EC:edwards25519'].entries()) {
    const own = ['--key-type', kind, '--label', kind.replace(/\W/, '-'), '--id', `0${i + 1}`]
    run(
      'pkcs11-tool',
      '--module',
      module,
      '--token-label',
      'a token',
      '--login',
      '--pin',
      'env:PIN',
      '--keypairgen',
      ...own,
    )
  }
  return { ports, uri: (part) => `pkcs11:token=a%20token;${part}?module-path=${module}` }
}

withPeers(needs, 'keys of every kind in a token (SoftHSM2) sign what their public keys verify', async () => {
  const { ports, uri } = token()
  const parts = [
    'object=EC-prime256v1',
    'id=%02',
    'object=EC-secp521r1;id=%03',
    'object=rsa-2048',
    'object=EC-edwards25519',
  ]
  for (const part of parts) {
    const signer = await openSigner({ kind: 'pkcs11', uri: uri(part), pin }, ports)
    const verified = signer
      .sign(bytes)
      .then((signature) => verifySignature(loadPublicKey(signer.publicKeyPem), bytes, signature))
    expect({ part, verified: await verified.catch(String) }).toEqual({ part, verified: true })
  }
})

withPeers(needs, 'a wrong PIN, another token, a missing key and a missing module are refused by name', async () => {
  const { ports, uri } = token()
  const wrong = await openSigner({ kind: 'pkcs11', uri: uri('id=%01'), pin: '9999' }, ports)
  await expect(wrong.sign(bytes)).rejects.toMatchObject({
    code: 'file-invalid',
    subject: 'key-password',
    message: expect.stringContaining('refused the PIN'),
  })
  const open = (text: string): Promise<unknown> => openSigner({ kind: 'pkcs11', uri: text, pin }, ports)
  await expect(open(uri('object=nope'))).rejects.toMatchObject({
    message: expect.stringContaining('no public key with label "nope"'),
  })
  await expect(open(uri('id=%01').replace('a%20token', 'other'))).rejects.toMatchObject({
    code: 'file-invalid',
    subject: 'signer',
  })
  await expect(open(uri('id=%01').replace('libsofthsm2', 'nothing'))).rejects.toMatchObject({
    code: 'file-invalid',
    subject: 'signer',
  })
})

withPeers(needs, 'the PIN is in no argument of the tool', async () => {
  const { ports, uri } = token()
  const seen: string[] = []
  const exec: Ports['exec'] = {
    ...ports.exec,
    run: (command, args, options) => {
      seen.push(...args)
      return ports.exec.run(command, args, options)
    },
  }
  const signer = await openSigner({ kind: 'pkcs11', uri: uri('id=%01'), pin }, { ...ports, exec })
  await signer.sign(bytes)
  expect(seen.some((argument) => argument.includes(pin))).toBe(false)
  expect(seen).toContain('--sign')
})

import { loadPublicKey, verifySignature } from '../../src/sign/public-key.ts'
import { openSigner } from '../../src/sign/signers/open.ts'
import type { Ports } from '../../src/base/ports.ts'
import { withPeers } from '../../testkit/peers.ts'
import { pin, token, tokenPeers as needs } from './softhsm.ts'

const bytes = Buffer.from('what is signed')

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

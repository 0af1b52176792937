import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { authority, model, pair, put, sign, verify } from './setup.ts'

/** The reference implementation: `model_signing` 1.1.1. */
function modelSigning(...args: string[]): { good: boolean; said: string } {
  const { status, stdout, stderr } = spawnSync(peer('model-signing'), ['-m', 'model_signing', ...args], {
    encoding: 'utf8',
  })
  return { good: status === 0, said: stdout + stderr }
}

const spoilings: Readonly<Record<string, (folder: string) => void>> = {
  changed: (folder) => put(folder, { 'config.json': 'other' }),
  added: (folder) => put(folder, { 'weights/new.bin': 'x' }),
  removed: (folder) => rmSync(join(folder, 'weights.txt')),
}

for (const curve of ['P-256', 'P-384', 'P-521'] as const)
  withPeers(
    ['model-signing'],
    `what we sign with ${curve}, model_signing verifies, and refuses once it is changed`,
    async () => {
      const { key, pub } = pair(curve)
      const { folder, beside } = model()
      put(folder, { '.gitignore': 'x', '.git/config': 'x' })
      const out = join(folder, 'model.sig')
      await sign({ directory: folder, key: beside('key.pem', key), output: out })
      const check = () =>
        modelSigning('verify', 'key', folder, '--signature', out, '--public_key', beside('key.pub', pub))
      expect(check()).toEqual({ good: true, said: expect.stringContaining('succeeded') })
      put(folder, { 'weights/new.bin': 'x' })
      expect(check()).toMatchObject({ good: false, said: expect.stringContaining('new.bin') })
    },
  )

withPeers(['model-signing'], 'what model_signing signs by key we verify, and refuse once it is changed', async () => {
  for (const [name, spoil] of Object.entries(spoilings)) {
    const { key, pub } = pair('P-384')
    const { folder, beside } = model()
    const signature = beside('model.sig')
    const made = modelSigning('sign', 'key', folder, '--signature', signature, '--private_key', beside('key.pem', key))
    expect(made).toMatchObject({ good: true })
    const given = { file: folder, bundle: signature, 'public-key': beside('key.pub', pub) }
    await expect(verify(given)).resolves.toMatchObject({ outputs: { verified: 'true', files: 4 } })
    spoil(folder)
    await expect(verify(given)).resolves.toMatchObject({
      refused: true,
      outputs: {
        reason: 'digest-mismatch',
        message: expect.stringMatching(
          { changed: /changed files/, added: /not signed/, removed: /missing files/ }[name] ?? /^$/,
        ),
      },
    })
  }
})

withPeers(['model-signing'], 'certificates, both ways', async () => {
  const own = authority()
  const { folder, beside } = model()
  const [key, chain, root] = [beside('key.pem', own.key), beside('chain.pem', own.chain), beside('root.pem', own.root)]
  await sign({ directory: folder, key, certificate: chain, output: beside('ours.sig') })
  const theirs = (name: string, anchor: string) =>
    modelSigning('verify', 'certificate', folder, '--signature', beside(name), '--certificate_chain', anchor)
  expect(theirs('ours.sig', root)).toMatchObject({ good: true })
  writeFileSync(beside('other.pem'), authority().root)
  expect(theirs('ours.sig', beside('other.pem'))).toMatchObject({ good: false })

  const [leaf = '', middle = ''] = own.chain.split(/(?<=-----END CERTIFICATE-----\n)/)
  const made = modelSigning(
    ...['sign', 'certificate', folder, '--signature', beside('theirs.sig'), '--private_key', key],
    ...['--signing_certificate', beside('leaf.pem', leaf), '--certificate_chain', beside('middle.pem', middle)],
  )
  expect(made).toMatchObject({ good: true })
  const given = { file: folder, bundle: beside('theirs.sig'), 'certificate-chain': root }
  await expect(verify(given)).resolves.toMatchObject({ outputs: { verified: 'true' } })
  put(folder, { 'config.json': 'other' })
  await expect(verify(given)).resolves.toMatchObject({ refused: true, outputs: { reason: 'digest-mismatch' } })
  expect(theirs('ours.sig', root)).toMatchObject({ good: false })
})

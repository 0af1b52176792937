import { createHash, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandResult } from '../../src/cli/command.ts'
import { logCommands } from '../../src/cli/log/commands.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { writePem } from '../../src/encoding/pem.ts'
import { certifiedEntry } from '../../src/log/bundle-entry.ts'
import { parseEntry } from '../../src/log/hashedrekord.ts'
import { openLogStore } from '../../src/log/open-store.ts'
import { currentHead } from '../../src/log/open-log.ts'
import { bundleReader } from '../../src/log/open-log.ts'
import { requestedEntry } from '../../src/log/serve/entries.ts'
import { readAuthorityChain } from '../../src/log/timestamp/authority.ts'
import { leafCertificate, parseBundle } from '../../src/sign/bundle.ts'
import { parseNoteKey } from '../../src/sign/signed-note.ts'
import { ed25519Pem } from '../../testkit/log.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { bundleBytes, payloadOf, signKeyed, signKeyless } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  signedAt,
  trustedRootOf,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'
import { makeKey } from '../../testkit/tee/pki/pki.ts'

const sigstore = makeSigstore()
const leaf = makeLeaf(sigstore)
const payload = payloadOf([{ digest: { sha256: '0'.repeat(64) } }])
const bundle = bundleBytes(signKeyless(sigstore, leaf, { payload }))

function setUp() {
  const folder = scratch('log-certificates')
  const base = testPorts()
  const ports = { ...base, roots: { ...base.roots, cwd: folder } }
  const file = (name: string, content: string | Buffer): void => writeFileSync(join(folder, name), content)
  file('root.json', trustedRootOf(sigstore))
  file('log.pem', ed25519Pem())
  file('bundle.json', bundle)
  const run = (command: string, given: Record<string, string>): Promise<CommandResult> => {
    const found = logCommands[command]
    if (found === undefined) throw new Error(command)
    const defaults = Object.fromEntries(found.inputs.map((input) => [input.name, input.default]))
    const inputs = rawInputs({ given: (n) => given[n], defaults, ports, confine: null, label: (n) => `--${n}` })
    return found.run(inputs, { ports, state: undefined as never })
  }
  return { folder, file, run, ports }
}

const identity = { identity: workflowSan, issuer: actionsIssuer, 'trusted-root': 'root.json' }

test('a bundle signed by a certificate is appended, proven and verified by its identity', async () => {
  const { folder, run, ports } = setUp()
  const { outputs } = await run('log init', { log: './log', origin: 'log.example.internal', key: 'log.pem' })
  const key = String(outputs['log-key'])
  const append = { log: './log', entry: 'bundle.json', key: 'log.pem', ...identity }
  expect(await run('log append', { ...append, output: 'logged.json' })).toMatchObject({
    outputs: { entries: [{ index: 0, state: 'added' }] },
  })
  expect(await run('log append', append)).toMatchObject({ outputs: { entries: [{ index: 0, state: 'present' }] } })
  // The entry names the certificate, not its key.
  const store = openLogStore(join(folder, 'log'), ports)
  const head = await currentHead(store, parseNoteKey(key, 'log'))
  const [body] = await bundleReader(store)({ level: 'entries', index: 0, width: head.size })
  expect(parseEntry(body!, 'entry').verifier).toEqual({ kind: 'certificate', der: leaf.der })
  const verified = { bundle: 'logged.json', 'log-key': key, ...identity }
  expect(await run('log verify', verified)).toMatchObject({ outputs: { verified: true, index: 0 } })
  expect(await run('log prove', { log: './log', 'log-key': key, bundle: 'bundle.json', ...identity })).toMatchObject({
    outputs: { entry: { logIndex: '0' } },
  })
  // The entry of Sigstore's own log, which the bundle had, is still there.
  const entries = JSON.parse(readFileSync(join(folder, 'logged.json'), 'utf8')) as {
    verificationMaterial: { tlogEntries: unknown[] }
  }
  expect(entries.verificationMaterial.tlogEntries).toHaveLength(2)
})

test.each<[string, Record<string, string>, string]>([
  ['somebody else is named', { ...identity, identity: 'https://evil.test/' }, 'identity-mismatch'],
  ['another issuer is named', { ...identity, issuer: 'https://evil.test' }, 'identity-mismatch'],
  ['the authority is not trusted', { ...identity, 'trusted-root': 'other.json' }, 'time-unproven'],
  ['the issuer is left out', { identity: workflowSan, 'trusted-root': 'root.json' }, 'input-missing'],
  ['nobody is named', {}, 'input-missing'],
  ['only a key is given', { 'public-key': 'release.pub' }, 'signature-invalid'],
  ['the signature is another one', { ...identity, entry: 'changed.json' }, 'signature-invalid'],
])('nothing is appended where %s', async (_title, given, code) => {
  const { run, file, folder } = setUp()
  await run('log init', { log: './log', origin: 'log.example.internal', key: 'log.pem' })
  file('other.json', trustedRootOf(makeSigstore('other.test')))
  file('release.pub', makeKey('P-256').publicKey.export({ format: 'pem', type: 'spki' }))
  const { dsseEnvelope, ...rest } = JSON.parse(bundle.toString()) as { dsseEnvelope: { payload: string } }
  const text = payloadOf([{ digest: { sha256: '1'.repeat(64) } }]).toString('base64')
  file('changed.json', JSON.stringify({ ...rest, dsseEnvelope: { ...dsseEnvelope, payload: text } }))
  await expect(
    run('log append', { log: './log', entry: 'bundle.json', key: 'log.pem', ...given }),
  ).rejects.toMatchObject({ code })
  expect(readFileSync(join(folder, 'log', 'checkpoint'), 'utf8')).toMatch(/^log\.example\.internal\n0\n/)
})

test('an entry with a certificate is made only of what its key signed', () => {
  const other = makeLeaf(sigstore)
  expect(leafCertificate(bundle)).toEqual(leaf.der)
  const { envelope } = parseBundle(bundle)
  expect(parseEntry(certifiedEntry(envelope, leaf.der, 'it'), 'it').verifier.kind).toBe('certificate')
  expect(() => certifiedEntry(envelope, other.der, 'it')).toThrow(
    expect.objectContaining({ code: 'signature-invalid' }),
  )
  expect(leafCertificate(bundleBytes(signKeyed(sigstore, makeKey('P-256'), { payload })))).toBeNull()
})

describe('a served log', () => {
  const digest = createHash('sha256').update('text').digest()
  const request = (der = leaf.der, key = leaf.key.privateKey): Buffer =>
    Buffer.from(
      JSON.stringify({
        hashedRekordRequestV002: {
          digest: digest.toString('base64'),
          signature: {
            content: sign('sha256', Buffer.from('text'), key).toString('base64'),
            verifier: { x509Certificate: { rawBytes: der.toString('base64') }, keyDetails: 'PKIX_ECDSA_P256_SHA_256' },
          },
        },
      }),
    )
  const chainOf = ({ intermediate, root }: typeof sigstore) => ({
    name: 'authority',
    chain: readAuthorityChain(writePem('CERTIFICATE', intermediate) + writePem('CERTIFICATE', root), 'authority'),
    window: { notBefore: null, notAfter: null },
  })
  const taken = { keys: [], authorities: [chainOf(sigstore)] }

  test('takes signatures by certificates of a listed authority while they are valid', () => {
    const body = requestedEntry(request(), taken, signedAt)
    expect(parseEntry(body, 'entry')).toMatchObject({ digest, verifier: { kind: 'certificate', der: leaf.der } })
  })

  test.each<[string, () => Buffer]>([
    ['a certificate that is expired', () => requestedEntry(request(), taken, new Date(signedAt.getTime() + 3600_000))],
    [
      'a certificate of another authority',
      () => requestedEntry(request(makeLeaf(makeSigstore('other.test'), { key: leaf.key }).der), taken, signedAt),
    ],
    [
      'a certificate where only keys are listed',
      () => requestedEntry(request(), { keys: [], authorities: [] }, signedAt),
    ],
    [
      'the certificate of the authority itself',
      () => requestedEntry(request(sigstore.intermediate, sigstore.intermediateKey.privateKey), taken, signedAt),
    ],
  ])('refuses %s', (_title, read) => {
    expect(read).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(denied|format-invalid)$/) as string }),
    )
  })

  test('refuses a signature by another key than the one of the certificate', () => {
    expect(() => requestedEntry(request(leaf.der, makeKey('P-256').privateKey), taken, signedAt)).toThrow(
      expect.objectContaining({ code: 'signature-invalid' }),
    )
  })
})

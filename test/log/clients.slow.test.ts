import { spawn, spawnSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { bundleFromJSON } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { ed25519Pem } from '../../testkit/log.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { envelopeEntry, withLogEntry } from '../../src/log/bundle-entry.ts'
import { trustedRootFile } from '../../src/log/client-files.ts'
import { openLogFiles, openLogStore } from '../../src/log/open-store.ts'
import { proveEntry } from '../../src/log/prove.ts'
import { tlogEntry } from '../../src/log/tlog-entry.ts'
import { createLog, LogWriter } from '../../src/log/writer.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { loadNoteSigner } from '../../src/sign/note-signer.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'

const ports = testPorts()
const origin = 'log.example.internal'

interface Logged {
  folder: string
  /** Directory of the log. */
  log: string
  vkey: string
  publicKeyPem: string
}

/** A blob with a statement of its own that a log of some hundred entries has. */
async function loggedBlob(keyType: 'p256' | 'rsa' = 'p256'): Promise<Logged> {
  const folder = scratch('clients')
  const log = join(folder, 'log')
  const logKey = await loadNoteSigner(origin, ed25519Pem(), null)
  const store = openLogStore(log, ports)
  await createLog(store, logKey, null, {})
  const { privateKey } =
    keyType === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signer = await loadSigner(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), null)
  const blob = Buffer.from('a blob\n')
  const sha256 = createHash('sha256').update(blob).digest('hex')
  const statement = (i: number): Buffer =>
    Buffer.from(
      JSON.stringify({
        _type: 'https://in-toto.io/Statement/v1',
        subject: [{ name: 'blob', digest: { sha256 } }],
        predicateType: 'https://example.com/x/v1',
        predicate: { i },
      }),
    )
  const envelopes = await Promise.all(Array.from({ length: 300 }, (_, i) => signEnvelope(statement(i), signer)))
  const key = loadPublicKey(signer.publicKeyPem)
  const writer = new LogWriter(store, logKey, null, ports)
  const { head } = await writer.append(envelopes.map((envelope) => envelopeEntry(envelope, [key], 'bundle')))
  const [envelope] = envelopes.slice(123)
  if (envelope === undefined) throw new Error('no envelope')
  const entry = tlogEntry(await proveEntry(openLogFiles(log, ports), head, 123, logKey.keyId))
  writeFileSync(join(folder, 'blob'), blob)
  writeFileSync(join(folder, 'bundle.json'), withLogEntry(makeBundle(envelope, signer.hint), entry))
  writeFileSync(join(folder, 'bare.json'), makeBundle(envelope, signer.hint))
  writeFileSync(join(folder, 'key.pub'), signer.publicKeyPem)
  const root = trustedRootFile({ log: logKey, url: `https://${origin}`, start: new Date(Date.now() - 1000) })
  writeFileSync(join(folder, 'trusted_root.json'), root)
  writeFileSync(join(folder, 'log.vkey'), logKey.vkey)
  return { folder, log, vkey: logKey.vkey, publicKeyPem: signer.publicKeyPem }
}

/** A bundle whose log entry is changed. */
function changed(folder: string, change: (entry: TlogEntry) => void): void {
  const bundle = JSON.parse(readFileSync(join(folder, 'bundle.json'), 'utf8')) as {
    verificationMaterial: { tlogEntries: TlogEntry[] }
  }
  for (const entry of bundle.verificationMaterial.tlogEntries) change(entry)
  writeFileSync(join(folder, 'changed.json'), JSON.stringify(bundle))
}

interface TlogEntry {
  logIndex: string
  canonicalizedBody: string
  inclusionProof: { hashes: string[]; logIndex: string; checkpoint: { envelope: string } }
}

const changes: [string, (entry: TlogEntry) => void][] = [
  ['a hash of the proof', ({ inclusionProof }) => void inclusionProof.hashes.reverse()],
  [
    'the checkpoint',
    ({ inclusionProof: { checkpoint } }) => (checkpoint.envelope = checkpoint.envelope.replace('\n300\n', '\n301\n')),
  ],
]

function cosignVerify(folder: string, bundle: string): { status: number | null; stderr: string } {
  const args = [
    'verify-blob-attestation',
    '--key',
    'key.pub',
    '--bundle',
    bundle,
    '--trusted-root',
    'trusted_root.json',
  ]
  const { status, stderr } = spawnSync(peer('cosign3'), [...args, '--type', 'https://example.com/x/v1', 'blob'], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    // No way out: what is verified is verified offline.
    env: {
      HOME: folder,
      PATH: process.env['PATH'],
      HTTPS_PROXY: 'http://127.0.0.1:9',
      HTTP_PROXY: 'http://127.0.0.1:9',
    },
  })
  return { status, stderr }
}

for (const keyType of ['p256', 'rsa'] as const) {
  withPeers(
    ['cosign3'],
    `cosign 3 verifies an entry of our log offline, and refuses a changed one (${keyType})`,
    async () => {
      const { folder } = await loggedBlob(keyType)
      expect(cosignVerify(folder, 'bundle.json')).toMatchObject({ status: 0 })
      expect(cosignVerify(folder, 'bare.json').status).not.toBe(0)
      for (const [what, change] of changes) {
        changed(folder, change)
        expect({ what, status: cosignVerify(folder, 'changed.json').status }).not.toEqual({ what, status: 0 })
      }
    },
  )
}

test('@sigstore/verify verifies an entry of our log, and refuses a changed one', async () => {
  const { folder, publicKeyPem } = await loggedBlob()
  const trusted = TrustedRoot.fromJSON(JSON.parse(readFileSync(join(folder, 'trusted_root.json'), 'utf8')))
  const key = { publicKey: loadPublicKey(publicKeyPem).object, validFor: () => true }
  const material = toTrustMaterial(trusted, () => key)
  const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 })
  const check = (name: string): void =>
    void verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(readFileSync(join(folder, name), 'utf8')))))
  check('bundle.json')
  expect(() => check('bare.json')).toThrow(/expected 1 tlog/)
  for (const [, change] of changes) {
    changed(folder, change)
    expect(() => check('changed.json')).toThrow()
  }
})

withPeers(['tessera-fsck'], "Tessera's fsck finds our tiles in order, and a changed one not", async () => {
  const { log, folder } = await loggedBlob()
  const server = createServer((request, response) => {
    try {
      response.end(readFileSync(join(log, new URL(request.url ?? '', 'http://x').pathname)))
    } catch {
      response.writeHead(404).end()
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const fsck = async (): Promise<boolean> => {
    const args = [
      `--storage_url=http://127.0.0.1:${port}/`,
      '--public_key=log.vkey',
      `--origin=${origin}`,
      '--ui=false',
    ]
    const child = spawn(peer('tessera-fsck'), args, { cwd: folder, timeout: 20_000, killSignal: 'SIGKILL' })
    let told = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
    await once(child, 'close')
    // It ends with 0 also where it found a fault.
    expect(told).toContain('checking log of size 300')
    return told.includes("Successfully fsck'd log with size 300")
  }
  try {
    expect(await fsck()).toBe(true)
    // At a changed entry fsck 1.0.4 waits for ever.
    for (const path of ['tile/0/001.p/44', 'tile/1/000.p/1']) {
      const file = join(log, path)
      const good = readFileSync(file)
      const bad = Buffer.from(good)
      bad[20] = (bad[20] ?? 0) ^ 1
      writeFileSync(file, bad)
      expect({ path, good: await fsck() }).toEqual({ path, good: false })
      writeFileSync(file, good)
    }
  } finally {
    server.close()
  }
})

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { readTufTarget } from '../../../src/sign/tuf/client.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { makeTufKey, TufWriter } from '../../../testkit/sigstore/tuf.ts'
import { content, name } from './setup.ts'

/** python-tuf's client: the last word is what it got, or the name of its exception. */
const reader = `
import os, sys
from tuf.ngclient import Updater
url, root, cache = sys.argv[1:]
os.makedirs(cache, exist_ok=True)
try:
    updater = Updater(metadata_dir=cache, metadata_base_url=url, target_dir=cache, target_base_url=url + '/targets', bootstrap=open(root, 'rb').read())
    updater.refresh()
    info = updater.get_targetinfo('${name}')
    print('got', open(updater.download_target(info), 'rb').read().decode())
except Exception as error:
    print('refused', type(error).__name__)
`

/** A repository by python-tuf with three kinds of keys and two rotations of the root. */
const writer = `
import hashlib, os, sys
from datetime import datetime, timezone
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import *
folder = sys.argv[1]
os.makedirs(folder + '/targets')
expires = datetime(2040, 1, 1, tzinfo=timezone.utc)
make = {
  'ecdsa': CryptoSigner.generate_ecdsa,
  'rsa': CryptoSigner.generate_rsa,
  'ed25519': CryptoSigner.generate_ed25519,
}
signers = {role: [make['ed25519']()] for role in ('timestamp', 'snapshot')}
signers['root'] = [make['rsa'](), make['ecdsa']()]
signers['targets'] = [make['ecdsa']()]
root = Root(version=1, expires=expires, consistent_snapshot=True)
for role, keys in signers.items():
    for signer in keys: root.add_key(signer.public_key, role)
root.roles['root'].threshold = 2
old = []
def publish():
    md = Metadata(root)
    for signer in {s.public_key.keyid: s for s in old + signers['root']}.values(): md.sign(signer, append=True)
    md.to_file(f'{folder}/{root.version}.root.json')
publish()
for kind in ('ed25519', 'ecdsa'):
    old = list(signers['root'])
    gone = signers['root'].pop(0)
    root.revoke_key(gone.public_key.keyid, 'root')
    new = make[kind]()
    signers['root'].append(new)
    root.add_key(new.public_key, 'root')
    root.version += 1
    publish()
data = b'{"content":"by python"}'
target = TargetFile.from_data('${name}', data, ['sha256', 'sha512'])
for digest in target.hashes.values(): open(f'{folder}/targets/{digest}.${name}', 'wb').write(data)
def put(signed, role, path):
    md = Metadata(signed)
    for signer in signers[role]: md.sign(signer, append=True)
    md.to_file(path)
    return md
put(Targets(version=4, expires=expires, targets={'${name}': target}), 'targets', f'{folder}/4.targets.json')
put(Snapshot(version=7, expires=expires, meta={'targets.json': MetaFile(4)}), 'snapshot', f'{folder}/7.snapshot.json')
put(Timestamp(version=9, expires=expires, snapshot_meta=MetaFile(7)), 'timestamp', f'{folder}/timestamp.json')
`

async function python(text: string, ...args: string[]): Promise<string> {
  const child = spawn(peer('python-tuf'), ['-c', text, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', (part: Buffer) => (out += part.toString()))
  child.stderr.on('data', (part: Buffer) => (err += part.toString()))
  const code = await new Promise((resolve) => child.once('close', resolve))
  if (code !== 0) throw new Error(err)
  return out.trim()
}

/** The folder over HTTP, as it is at each request. */
async function serve(folder: string): Promise<{ url: string; server: Server }> {
  const server = createServer(({ url = '/' }, answer) => {
    try {
      answer.end(readFileSync(join(folder, url)))
    } catch {
      answer.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

function put(folder: string, files: ReadonlyMap<string, Buffer>): void {
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
}

withPeers(
  ['python-tuf'],
  'we read a repository by python-tuf, with RSA, ECDSA and Ed25519 keys over two rotations',
  async () => {
    const folder = join(scratch('tuf'), 'repository')
    await python(writer, folder)
    const { url, server } = await serve(folder)
    try {
      const root = readFileSync(join(folder, '1.root.json'))
      const source = { url, root, target: name, cache: scratch('cache'), offline: false }
      await expect(readTufTarget(source, testPorts()).then(String)).resolves.toBe('{"content":"by python"}')
      // The second root is by other keys than the first; the third alone is not what was pinned.
      const changed = Buffer.from(root.toString().replace('2040', '2041'))
      await expect(readTufTarget({ ...source, root: changed }, testPorts())).rejects.toMatchObject({
        code: 'signature-invalid',
      })
    } finally {
      server.close()
    }
  },
)

withPeers(['python-tuf'], 'python-tuf reads our test repositories, and refuses what we refuse', async () => {
  const folder = scratch('tuf')
  const repository = new TufWriter()
  const pinned = join(folder, 'pinned.json')
  writeFileSync(pinned, repository.publishRoot())
  repository.publish({ targets: { [name]: content('one') } })
  const first = new Map(repository.files)
  put(folder, repository.files)
  const { url, server } = await serve(folder)
  try {
    const cache = scratch('python-cache')
    const read = (): Promise<string> => python(reader, url, pinned, cache)
    await expect(read()).resolves.toBe(`got ${content('one').toString()}`)
    repository.keys.root = [makeTufKey(), makeTufKey()]
    repository.publishRoot()
    repository.publish({ targets: { [name]: content('two') } })
    put(folder, repository.files)
    await expect(read()).resolves.toBe(`got ${content('two').toString()}`)
    put(folder, new Map([['timestamp.json', first.get('timestamp.json') ?? Buffer.alloc(0)]]))
    await expect(read()).resolves.toBe('refused BadVersionNumberError')
    repository.publish({ targets: {}, signers: { targets: repository.keys.targets.slice(1) } })
    put(folder, repository.files)
    await expect(read()).resolves.toBe('refused UnsignedMetadataError')
    repository.publish({ targets: {}, expires: { timestamp: '2026-01-01T00:00:00Z' } })
    put(folder, repository.files)
    await expect(read()).resolves.toBe('refused ExpiredMetadataError')
  } finally {
    server.close()
  }
})

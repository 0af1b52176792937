import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ed25519Pem } from '../../testkit/log.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { signingConfigFile, trustedRootFile } from '../../src/log/client-files.ts'
import { currentHead } from '../../src/log/open-log.ts'
import { openLogFiles, openLogStore } from '../../src/log/open-store.ts'
import { openRecorder } from '../../src/log/recorder.ts'
import { listenOn } from '../../src/log/serve/http.ts'
import { logAnswers } from '../../src/log/serve/log-server.ts'
import { verifyLog } from '../../src/log/verify-log.ts'
import { createLog } from '../../src/log/writer.ts'
import { loadNoteSigner } from '../../src/sign/note-signer.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parseNoteKey } from '../../src/sign/signed-note.ts'

withPeers(
  ['cosign3'],
  'cosign 3 signs into our served log by its signing configuration, and verifies offline',
  async () => {
    const folder = scratch('cosign-signs')
    const ports = testPorts()
    // Not spawnSync: the log is served by this process.
    const cosign = async (...args: string[]): Promise<number | null> => {
      const env = { HOME: folder, PATH: process.env['PATH'], COSIGN_PASSWORD: '' }
      const child = spawn(peer('cosign3'), args, { cwd: folder, env, stdio: 'ignore', timeout: 60_000 })
      const [code] = (await once(child, 'close')) as [number | null]
      return code
    }
    expect(await cosign('generate-key-pair')).toBe(0)
    const signer = await loadNoteSigner('127.0.0.1', ed25519Pem(), null)
    const store = openLogStore(join(folder, 'log'), ports)
    await createLog(store, signer, null, {})
    const recorder = openRecorder(store, signer, null, [], ports)
    const spki = loadPublicKey(readFileSync(join(folder, 'cosign.pub'), 'utf8')).object.export({
      format: 'der',
      type: 'spki',
    })
    const signers: Buffer[] = []
    const server = await listenOn(
      '127.0.0.1:0',
      logAnswers(store, recorder, { keys: signers, authorities: [] }, ports.clock),
      ports,
    )
    try {
      const files = { log: signer, url: server.url, start: new Date(Date.now() - 60_000) }
      writeFileSync(join(folder, 'trusted_root.json'), trustedRootFile(files))
      writeFileSync(join(folder, 'signing_config.json'), signingConfigFile(files))
      writeFileSync(join(folder, 'blob'), 'a blob\n')
      const sign = () =>
        cosign(
          ...['sign-blob', '--key', 'cosign.key', '--signing-config', 'signing_config.json', '--yes'],
          ...['--trusted-root', 'trusted_root.json', '--bundle', 'bundle.json', 'blob'],
        )
      // Its key is not listed.
      expect(await sign()).not.toBe(0)
      signers.push(spki)
      expect(await sign()).toBe(0)
    } finally {
      await server.close()
    }
    const verify = (file: string) =>
      cosign(
        'verify-blob',
        '--key',
        'cosign.pub',
        '--bundle',
        'bundle.json',
        '--trusted-root',
        'trusted_root.json',
        file,
      )
    expect(await verify('blob')).toBe(0)
    writeFileSync(join(folder, 'other'), 'another blob\n')
    expect(await verify('other')).not.toBe(0)
    const head = await currentHead(openLogFiles(join(folder, 'log'), ports), parseNoteKey(signer.vkey, 'log'))
    expect(head.size).toBe(1)
    await verifyLog(store, head)
  },
)

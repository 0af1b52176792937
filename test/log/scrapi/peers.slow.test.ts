import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readStatement, writeStatement } from '../../../src/log/scitt/statement.ts'
import { registeredForm } from '../../../src/log/scitt/verify.ts'
import { coseSigner } from '../../../src/sign/cose/write.ts'
import { cleanEnv } from '../../../testkit/cli.ts'
import { ed25519Pem } from '../../../testkit/log.ts'
import { peer, root, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door } from '../../cli/tee/door.ts'

const entry = join(root, 'testkit/cli-entry.ts')
const running: ChildProcess[] = []
afterEach(async () => {
  for (const child of running.splice(0)) {
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }
})

/** Runs a command of ours to its end. */
function ours(cwd: string, ...args: string[]): string {
  return execFileSync(process.execPath, [entry, ...args], { cwd, env: cleanEnv(), encoding: 'utf8' })
}

/** Starts `log serve`. @returns its address */
async function served(cwd: string, ...more: string[]): Promise<string> {
  const args = [
    'log',
    'serve',
    './log',
    '--origin',
    'log.example.internal',
    '--key',
    'log.pem',
    '--listen',
    '127.0.0.1:0',
  ]
  const child = spawn(process.execPath, [entry, ...args, ...more], {
    cwd,
    env: cleanEnv(),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.push(child)
  let said = ''
  return new Promise((found, failed) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString('utf8')
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0]
      if (url !== undefined) found(url)
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('exit', () => failed(new Error(said)))
  })
}

function python(program: 'scitt-cose' | 'pycose', text: string, ...args: string[]): string {
  const env = { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1' }
  return execFileSync(peer(program), ['-c', text, ...args], { env, encoding: 'utf8' }).trim()
}

const receiptVerify = `
import sys
from hashlib import sha256
from scitt_cose import verify_receipt
receipt, entry, key = (open(path, "rb").read() for path in sys.argv[1:4])
result = verify_receipt(receipt, leaf_entry_hex=sha256(entry).hexdigest(), log_public_key_pem=key)
print("verified" if result.ok else "refused")
`
const receiptSignature = `
import sys
from pycose.messages import CoseMessage
from pycose.keys import CoseKey
message = CoseMessage.decode(open(sys.argv[1], "rb").read())
message.key = CoseKey.from_pem_public_key(open(sys.argv[2]).read())
message.payload = bytes.fromhex(sys.argv[3])
print("verified" if message.verify_signature() else "refused")
`

withPeers(
  ['scitt-cose', 'pycose'],
  'scitt-cose and pycose take the receipts of log serve, and so do we',
  async () => {
    const dir = scratch('scrapi-peers')
    const path = (name: string): string => join(dir, name)
    const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const receipts = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(path('log.pem'), ed25519Pem(), { mode: 0o600 })
    writeFileSync(path('receipts.pem'), receipts.privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
    writeFileSync(path('receipts.pub'), receipts.publicKey.export({ format: 'pem', type: 'spki' }))
    writeFileSync(path('issuer.pub'), issuer.publicKey.export({ format: 'pem', type: 'spki' }))
    writeFileSync(path('registration.yaml'), 'version: 1\nrules: [{ name: issuer, keys: [issuer.pub] }]\n')
    ours(dir, 'log', 'init', './log', '--origin', 'log.example.internal', '--key', 'log.pem')
    const url = await served(
      dir,
      ...['--scitt-policy', 'registration.yaml', '--receipt-key', 'receipts.pem', '--statements', './statements'],
    )
    const made = { content: Buffer.from('x'), contentType: 'text/plain', issuedAt: new Date(), chain: null }
    const by = coseSigner(issuer.privateKey, issuer.publicKey)
    for (const name of ['one', 'two', 'three']) {
      const statement = await writeStatement({ ...made, subject: name }, by)
      const { message } = readStatement(statement, name)
      writeFileSync(path(name), statement)
      writeFileSync(path(`${name}.registered`), registeredForm(message))
      const trusted = ['--service', path('receipts.pub'), '--entry', 'statement-sha256']
      const submitted = await door(
        'scitt submit',
        path(name),
        '--url',
        url,
        ...trusted,
        '--output',
        path(`${name}.receipt`),
      )
      expect(submitted).toMatchObject({ code: 0, outputs: { 'receipts-verified': true } })
      const verified = await door(
        'scitt verify',
        path(name),
        ...['--public-key', path('issuer.pub'), ...trusted, '--receipt', path(`${name}.receipt`)],
      )
      expect(verified.code).toBe(0)
    }
    const judge = (receipt: string, about: string, key = 'receipts.pub'): string =>
      python('scitt-cose', receiptVerify, path(`${receipt}.receipt`), path(`${about}.registered`), path(key))
    expect(['one', 'two', 'three'].map((name) => judge(name, name))).toEqual(['verified', 'verified', 'verified'])
    expect([judge('one', 'two'), judge('one', 'one', 'issuer.pub')]).toEqual(['refused', 'refused'])

    // The root of the first statement's tree, of the policy and itself, as the log shows it.
    const checkpoint = await (await fetch(`${url}/checkpoint`)).text()
    const [, size, encoded = ''] = checkpoint.split('\n')
    expect(size).toBe('4')
    const top = Buffer.from(encoded, 'base64').toString('hex')
    const signature = (root: string): string =>
      python('pycose', receiptSignature, path('three.receipt'), path('receipts.pub'), root)
    expect([signature(top), signature('00'.repeat(32))]).toEqual(['verified', 'refused'])

    // The whole log, statements and policy, is in order for its readers.
    ours(dir, 'log', 'verify', './log', '--log-key', readFileSync(path('log/log.vkey'), 'utf8').trim())
  },
  60_000,
)

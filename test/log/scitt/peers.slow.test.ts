import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readStatement, writeStatement } from '../../../src/log/scitt/statement.ts'
import { registerStatement } from '../../../src/log/scitt/scrapi.ts'
import { judgeStatement } from '../../../src/log/scitt/judge.ts'
import type { ScittService } from '../../../src/log/scitt/services.ts'
import { parseSign1 } from '../../../src/sign/cose/sign1.ts'
import { verifySign1 } from '../../../src/sign/cose/verify.ts'
import { coseSigner } from '../../../src/sign/cose/write.ts'
import { sha256 } from '../../../src/base/streams.ts'
import { flip } from '../../../testkit/mutate.ts'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { startScittService } from '../../../testkit/scitt/service.ts'

const content = Buffer.from('{"what":"this"}')
const kinds: [string, () => { privateKey: KeyObject; publicKey: KeyObject }][] = [
  ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['ES384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['EdDSA', () => generateKeyPairSync('ed25519')],
]

/** Runs a Python text of ours with the packages of a peer; it prints one line. */
function python(program: 'scitt-cose' | 'pycose', text: string, args: readonly string[]): string {
  const env = { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1' }
  return execFileSync(peer(program), ['-c', text, ...args], { env, encoding: 'utf8' }).trim()
}

async function made({
  privateKey,
  publicKey,
}: {
  privateKey: KeyObject
  publicKey: KeyObject
}): Promise<{ dir: string; statement: Buffer; path: string; key: string; privatePath: string }> {
  const dir = scratch('scitt-peers')
  const statement = await writeStatement(
    { subject: 'app', content, contentType: 'application/json', issuedAt: new Date(1_780_000_000_000), chain: null },
    coseSigner(privateKey, publicKey),
  )
  const [path, key, privatePath] = ['statement.scitt', 'key.pub', 'key.pem'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(path, statement)
  writeFileSync(key, publicKey.export({ format: 'pem', type: 'spki' }))
  writeFileSync(privatePath, privateKey.export({ format: 'pem', type: 'pkcs8' }))
  return { dir, statement, path, key, privatePath }
}

const scittVerify = `
import sys
from scitt_cose import parse_signed_statement, verify_sign1, CoseError
data, key = (open(path, "rb").read() for path in sys.argv[1:3])
try:
    verify_sign1(data, public_key_pem=key)
    parsed = parse_signed_statement(data, public_key_pem=key)
    print("verified", parsed["issuer"], parsed["subject"])
except CoseError as error:
    print("refused")
`
const pycoseVerify = `
import sys
from pycose.messages import CoseMessage
from pycose.keys import CoseKey
message = CoseMessage.decode(open(sys.argv[1], "rb").read())
message.key = CoseKey.from_pem_public_key(open(sys.argv[2]).read())
print("verified" if message.verify_signature() else "refused", message.payload.hex())
`

withPeers(['scitt-cose', 'pycose'], 'scitt-cose and pycose take our statements, and refuse changed ones', async () => {
  for (const [, make] of kinds) {
    const { statement, path, key } = await made(make())
    const digest = sha256(content).slice('sha256:'.length)
    const { issuer } = readStatement(statement, 'it')
    expect(python('scitt-cose', scittVerify, [path, key])).toBe(`verified ${issuer} app`)
    expect(python('pycose', pycoseVerify, [path, key])).toBe(`verified ${digest}`)
    writeFileSync(path, flip(statement, statement.length * 8 - 1))
    expect(python('scitt-cose', scittVerify, [path, key])).toBe('refused')
    expect(python('pycose', pycoseVerify, [path, key])).toBe(`refused ${digest}`)
  }
})

const scittReceipt = `
import sys
from hashlib import sha256
from scitt_cose import verify_receipt
receipt, entry, key = (open(path, "rb").read() for path in sys.argv[1:4])
result = verify_receipt(receipt, leaf_entry_hex=sha256(entry).hexdigest(), log_public_key_pem=key)
print("verified" if result.ok else "refused")
`

withPeers(['scitt-cose'], 'scitt-cose takes the receipts of our test service', async () => {
  // Its verifier takes entries of 32 bytes only.
  const service = await startScittService({ entry: 'statement-sha256' })
  try {
    const { statement, dir, path } = await made(generateKeyPairSync('ed25519'))
    const target = { url: new URL(service.url), token: null, patienceMs: 10_000 }
    const { receipt } = await registerStatement(target, statement, testPorts())
    const [file, key, other] = ['receipt.cose', 'log.pub', 'other'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(file, receipt)
    writeFileSync(key, service.key.export({ format: 'pem', type: 'spki' }))
    writeFileSync(other, 'another statement')
    expect(python('scitt-cose', scittReceipt, [file, path, key])).toBe('verified')
    expect(python('scitt-cose', scittReceipt, [file, other, key])).toBe('refused')
  } finally {
    await service.close()
  }
})

const scittMake = `
import sys
from hashlib import sha256
from scitt_cose import build_signed_statement, build_receipt
folder, alg, payload, key = sys.argv[1:5]
pem = open(key, "rb").read()
statement = build_signed_statement(payload.encode(), alg=alg, private_key_pem=pem, issuer="https://issuer.example",
    subject="app", content_type="application/json", kid=b"one")
entry = sha256(statement).hexdigest()
entries = [sha256(bytes([n])).hexdigest() for n in range(6)] + [entry] + [sha256(b"x").hexdigest()]
receipt = build_receipt(leaf_entry_hex=entry, leaf_index=6, tree_entries_hex=entries, alg=alg, log_private_key_pem=pem,
    iss="https://log.example", sub="app", kid=None, iat=1780000000)
open(folder + "/theirs.scitt", "wb").write(statement)
open(folder + "/theirs.receipt", "wb").write(receipt)
print("made")
`

withPeers(['scitt-cose'], 'we take statements and receipts of scitt-cose', async () => {
  for (const [alg, make] of kinds) {
    const { dir, privatePath, key } = await made(make())
    expect(python('scitt-cose', scittMake, [dir, alg, content.toString(), privatePath])).toBe('made')
    const statement = readStatement(readFileSync(join(dir, 'theirs.scitt')), 'it')
    const publicKey = createPublicKey(readFileSync(key))
    const service: ScittService = {
      name: 'log',
      issuer: 'https://log.example',
      keys: [{ kid: null, key: publicKey }],
      entry: 'statement-sha256',
    }
    const trust = {
      keys: [{ key: publicKey, issuer: null }],
      issuer: 'https://issuer.example',
      about: 'app',
      bindCurve: true,
      acceptNoSubject: false,
      authorities: [],
      at: new Date(),
    }
    const receipt = readFileSync(join(dir, 'theirs.receipt'))
    const judge = (entry: ScittService['entry']): boolean =>
      judgeStatement(statement, { ...trust, services: [{ ...service, entry }] }, content, [receipt]).checks.every(
        ({ ok }) => ok,
      )
    expect([alg, judge('statement-sha256'), judge('statement')]).toEqual([alg, true, false])
  }
})

const pycoseMake = `
import sys
from pycose.messages import Sign1Message
from pycose.headers import Algorithm, KID
from pycose.algorithms import Es256, Es384, Es512, EdDSA
from pycose.keys import CoseKey
path, alg, key = sys.argv[1:4]
algorithm = {"ES256": Es256, "ES384": Es384, "ES512": Es512, "EdDSA": EdDSA}[alg]
message = Sign1Message(phdr={Algorithm: algorithm}, uhdr={KID: b"one"}, payload=b"content", external_aad=b"aad")
message.key = CoseKey.from_pem_private_key(open(key).read())
open(path, "wb").write(message.encode())
print("made")
`

withPeers(['pycose'], 'we take messages of pycose', async () => {
  const es512 = (): { privateKey: KeyObject; publicKey: KeyObject } =>
    generateKeyPairSync('ec', { namedCurve: 'P-521' })
  for (const [alg, make] of [...kinds, ['ES512', es512] as const]) {
    const { dir, privatePath, key } = await made(make())
    const path = join(dir, 'theirs')
    expect(python('pycose', pycoseMake, [path, alg, privatePath])).toBe('made')
    const message = parseSign1(readFileSync(path), 'it')
    const publicKey = createPublicKey(readFileSync(key))
    expect(verifySign1(message, publicKey, { externalAad: Buffer.from('aad') }).toString()).toBe('content')
    expect(() => verifySign1(message, publicKey)).toThrow('is not signed by this key')
  }
})

import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { findAttachedStatements } from '../../src/log/scitt/attach.ts'
import { openSigner } from '../../src/sign/signers/open.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { startRegistry, type RunningRegistry } from '../../testkit/registry.ts'
import { makeKey } from '../../testkit/tee/pki/pki.ts'
import { actionRunner, startWorkingJob, stopJobs, type WorkingJob } from '../../testkit/working-job.ts'
import { putImage, storeOf } from './fixtures.ts'
import { certified, type CertifiedSigner } from './notation/fixtures.ts'
import { notation, notationHome } from './notation/program.ts'
import { pin, token, tokenPeers } from './softhsm.ts'

afterAll(stopJobs)

const readers = ['notation', 'scitt-cose', 'pycose']

/** A key service in one file, which signs by every algorithm that it may be asked for. */
function program(pair: { privateKey: KeyObject }, spoil = false): string {
  const path = join(scratch('kms'), 'kms.mjs')
  const pem = pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  writeFileSync(
    path,
    `#!${process.execPath}
import { createPublicKey } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
const pem = ${JSON.stringify(pem)}
if (process.argv[2] === 'public-key') console.log(createPublicKey(pem).export({ format: 'pem', type: 'spki' }))
else {
  const { algorithm, digest } = JSON.parse(readFileSync(0, 'utf8'))
  const key = mkdtempSync('/tmp/kms-') + '/key'
  writeFileSync(key, pem)
  const hash = algorithm.replace('rsa-pss-', '')
  const pss = algorithm === hash ? [] : ['-pkeyopt', 'rsa_padding_mode:pss', '-pkeyopt', 'rsa_pss_saltlen:digest']
  const args = ['pkeyutl', '-sign', '-inkey', key, '-pkeyopt', 'digest:' + hash, ...pss]
  const made = execFileSync('openssl', args, { input: Buffer.from(digest, 'base64') })
  if (${spoil}) made[made.length - 1] ^= 1
  console.log(made.toString('base64'))
}
`,
  )
  chmodSync(path, 0o700)
  return path
}

const scittVerify = `
import sys
from scitt_cose import parse_signed_statement, verify_sign1, CoseError
data, key = (open(path, "rb").read() for path in sys.argv[1:3])
try:
    verify_sign1(data, public_key_pem=key)
    print("verified", parse_signed_statement(data, public_key_pem=key)["issuer"])
except CoseError:
    print("refused")
`

/** scitt-cose knows no RSA. */
const pycoseVerify = `
import sys
from pycose.messages import CoseMessage
from pycose.keys import CoseKey
message = CoseMessage.decode(open(sys.argv[1], "rb").read())
message.key = CoseKey.from_pem_public_key(open(sys.argv[2]).read())
try:
    print("verified" if message.verify_signature() else "refused")
except Exception:
    print("refused")
`

/** What scitt-cose, or pycose for an RSA key, says of every statement that is attached to an image. */
async function statementsRead(reference: string, key: string, ports: Ports): Promise<string[]> {
  const store = storeOf(reference, ports)
  const image = await store.resolve({ tag: 'latest' })
  if (image === null) throw new Error('not published')
  const folder = scratch('scitt')
  writeFileSync(join(folder, 'key.pub'), key)
  const env = { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1' }
  const found = await findAttachedStatements(store, image, ({ error }) => {
    throw error
  })
  return found.map(({ bytes }, n) => {
    const path = join(folder, `${n}.scitt`)
    writeFileSync(path, bytes)
    const rsa = createPublicKey(key).asymmetricKeyType === 'rsa'
    const args = ['-c', rsa ? pycoseVerify : scittVerify, path, join(folder, 'key.pub')]
    return execFileSync(peer(rsa ? 'pycose' : 'scitt-cose'), args, { env, encoding: 'utf8' }).trim()
  })
}

/** A certificate for a key of which only the public half is at hand, as an authority makes it. */
function certifiedBy(publicKeyPem: string): CertifiedSigner {
  return certified('P-256', {
    key: { publicKey: createPublicKey(publicKeyPem), privateKey: makeKey('P-256').privateKey },
  })
}

interface Signing {
  run: WorkingJob['run']
  ports: Ports
  registry: RunningRegistry
  /** Name of the published image, without tag. */
  name: string
}

async function withImage(ports: Ports, use: (signing: Signing) => Promise<void>): Promise<void> {
  const registry = await startRegistry('referrers')
  try {
    await putImage(storeOf('oci:built', ports), 'v1')
    const run = actionRunner(ports, join(ports.roots.temp, 'state'))
    await use({ run, ports, registry, name: `${registry.host}/team/app` })
  } finally {
    await registry.close()
  }
}

/** A policy that only release keys satisfy. */
function policy({ ports }: Signing, keys: readonly string[], threshold = 1): string {
  const names = keys.map((pem, n) => {
    writeFileSync(join(ports.roots.cwd, `release-${n}.pub`), pem)
    return `release-${n}.pub`
  })
  const lines = { statements: ['sign'], 'accept-signature-only': true, 'accept-not-rebuilt': true }
  const document = { version: 1, 'release-keys': names, threshold, ...lines, 'accept-unproven-time': true }
  writeFileSync(join(ports.roots.cwd, 'policy.json'), JSON.stringify(document))
  return 'policy.json'
}

async function verdict(signing: Signing, keys: readonly string[], threshold = 1): Promise<string> {
  const given = { image: `${signing.name}:latest`, policy: policy(signing, keys, threshold), enforce: 'warn' }
  const { outputs } = await signing.run('verify-deploy', given)
  return outputs['verified'] === 'true' ? 'verified' : (outputs['reasons'] ?? '')
}

const other = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'pem', type: 'spki' }).toString()

const rsaPem = (): string =>
  generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'pem', type: 'spki' }).toString()

/** Signs for all readers and has each of them judge it. */
async function judgedByAll(signing: Signing, given: Record<string, string>, publicKeyPem: string): Promise<void> {
  const { run, name, ports } = signing
  const by = certifiedBy(publicKeyPem)
  writeFileSync(join(ports.roots.cwd, 'chain.pem'), by.chainPem)
  const inputs = { image: 'oci:built:v1', output: name, consumers: 'cosign3,notation,scitt', certificate: 'chain.pem' }
  const { outputs } = await run('sign-attest', { ...inputs, ...given })
  expect(readFileSync(outputs['public-key-path'] ?? '', 'utf8')).toBe(publicKeyPem)
  const reference = `${name}@${outputs['digest']}`
  const verify = (home: string): number => notation(home, 'verify', '--insecure-registry', reference).code
  expect(verify(notationHome(by))).toBe(0)
  expect(verify(notationHome(certifiedBy(publicKeyPem)))).not.toBe(0)
  const said = await statementsRead(name, publicKeyPem, ports)
  expect(said.length).toBeGreaterThan(0)
  for (const line of said) expect(line).toMatch(/^verified( did:x509:0:sha256:.+)?$/)
  const stranger = createPublicKey(publicKeyPem).asymmetricKeyType === 'rsa' ? rsaPem() : other()
  expect(new Set(await statementsRead(name, stranger, ports))).toEqual(new Set(['refused']))
  expect(await verdict(signing, [publicKeyPem])).toBe('verified')
  expect(await verdict(signing, [other()])).toContain('signature-invalid')
}

const pairs = {
  'P-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'RSA-3072': () => generateKeyPairSync('rsa', { modulusLength: 3072 }),
}

withPeers(
  readers,
  'a program signs for cosign, Notary Project, SCITT and the gate; each of them takes it',
  async () => {
    for (const make of [pairs['P-384'], pairs['RSA-3072']]) {
      await withImage(testPorts(), async (signing) => {
        const pair = make()
        const pem = pair.publicKey.export({ format: 'pem', type: 'spki' }).toString()
        await judgedByAll(signing, { signer: `command:${program(pair)}` }, pem)
      })
    }
  },
)

withPeers(readers, 'a program that signs otherwise publishes nothing', async () => {
  await withImage(testPorts(), async ({ run, name, ports }) => {
    const signer = `command:${program(pairs['P-384'](), true)}`
    for (const consumers of ['cosign3', 'scitt']) {
      const given = { image: 'oci:built:v1', output: name, signer, consumers, statements: 'sign' }
      await expect(run('sign-attest', given)).rejects.toMatchObject({ code: 'signature-invalid' })
    }
    expect(
      await storeOf(name, ports)
        .resolve({ tag: 'latest' })
        .catch(() => null),
    ).toBeNull()
  })
})

withPeers([...readers, ...tokenPeers], 'a token signs for all of them; a wrong PIN signs nothing', async () => {
  const { ports, uri } = token({ ...testPorts(), env: { ...testPorts().env } })
  for (const part of ['object=EC-secp384r1', 'object=rsa-2048']) {
    await withImage({ ...ports, env: { ...ports.env, PIN: pin } }, async (signing) => {
      const { publicKeyPem } = await openSigner({ kind: 'pkcs11', uri: uri(part), pin }, ports)
      await judgedByAll(signing, { signer: uri(part), 'key-password': 'env:PIN' }, publicKeyPem)
    })
  }
  await withImage({ ...ports, env: { ...ports.env, PIN: '9999' } }, async ({ run, name }) => {
    const given = { image: 'oci:built:v1', output: name, signer: uri('object=rsa-2048'), 'key-password': 'env:PIN' }
    await expect(run('sign-attest', given)).rejects.toMatchObject({ code: 'file-invalid', subject: 'key-password' })
  })
})

withPeers(tokenPeers, 'a threshold of two is met by program and token, and by neither alone', async () => {
  const { ports, uri } = token()
  await withImage({ ...ports, env: { ...ports.env, PIN: pin } }, async (signing) => {
    const pair = pairs['P-256']()
    const first = pair.publicKey.export({ format: 'pem', type: 'spki' }).toString()
    const { publicKeyPem: second } = await openSigner({ kind: 'pkcs11', uri: uri('id=%01'), pin }, ports)
    const given = { image: 'oci:built:v1', output: signing.name, consumers: 'cosign3', statements: 'sign' }
    await signing.run('sign-attest', { ...given, signer: `command:${program(pair)}` })
    expect(await verdict(signing, [first, second], 2)).toContain('signature-invalid')
    await signing.run('sign-attest', { ...given, signer: uri('id=%01'), 'key-password': 'env:PIN' })
    expect(await verdict(signing, [first, second], 2)).toBe('verified')
    expect(await verdict(signing, [first, other()], 2)).toContain('signature-invalid')
  })
})

withPeers(readers, 'notation and scitt-cose take what the agent of a job signs for them', async () => {
  const job = await startWorkingJob()
  const registry = await startRegistry('referrers')
  try {
    const { publicKeyPem } = await job.client.status()
    const by = certifiedBy(publicKeyPem)
    writeFileSync(join(job.ports.roots.cwd, 'chain.pem'), by.chainPem)
    const output = `${registry.host}/team/app`
    const given = { output, consumers: 'cosign3,notation,scitt', certificate: 'chain.pem' }
    const { outputs } = await job.run('sign-attest', given)
    const reference = `${output}@${outputs['digest']}`
    expect(notation(notationHome(by), 'verify', '--insecure-registry', reference)).toMatchObject({ code: 0 })
    const said = await statementsRead(output, publicKeyPem, job.ports)
    expect(said.length).toBeGreaterThanOrEqual(5)
    for (const line of said) expect(line).toMatch(/^verified /)
  } finally {
    await registry.close()
  }
})

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, vector, withPeers } from '../../../testkit/peers.ts'
import { bundleBytes, signKeyed, signKeyless } from '../../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  trustedRootOf,
  workflowSan,
} from '../../../testkit/sigstore/instance.ts'
import { makeKey } from '../../../testkit/tee/pki/pki.ts'

const sigstore = makeSigstore()
const now = Date.now()
const leaf = makeLeaf(sigstore, {
  from: new Date(now - 120_000),
  to: new Date(now + 480_000),
  sctTime: new Date(now - 60_000),
})
const artifact = Buffer.from('an artifact')
const key = makeKey('P-256')
const folder = mkdtempSync(join(tmpdir(), 'verify-bundle-'))
const file = (name: string, content: string | Buffer): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const subject = file('app.txt', artifact)
const bundle = file('app.json', bundleBytes(signKeyless(sigstore, leaf, { artifact, stampAt: new Date(now - 60_000) })))
const keyed = file('keyed.json', bundleBytes(signKeyed(sigstore, key, { artifact, stampAt: new Date(now - 60_000) })))
const trusted = file('root.json', trustedRootOf(sigstore))
const pem = file('key.pub', key.publicKey.export({ format: 'pem', type: 'spki' }))
const otherPem = file('other.pub', makeKey('P-256').publicKey.export({ format: 'pem', type: 'spki' }))

afterAll(() => rmSync(folder, { recursive: true }))

interface Printed {
  status: number | null
  outputs?: Record<string, unknown>
  error?: { code: string; message: string; remedy: string }
}

/** The command line from the sources. */
function run(...args: string[]): Printed {
  const entry = join(root, 'testkit/cli-entry.ts')
  const { status, stdout } = spawnSync(process.execPath, [entry, ...args, '--json'], { cwd: folder, encoding: 'utf8' })
  return { status, ...(JSON.parse(stdout) as Omit<Printed, 'status'>) }
}

const identity = ['--identity', workflowSan, '--issuer', actionsIssuer, '--trusted-root', trusted]

test('verify bundle: a keyless bundle, and who signed it', () => {
  const { status, outputs } = run('verify', 'bundle', subject, '--bundle', bundle, ...identity)
  expect(status).toBe(0)
  expect(outputs).toMatchObject({ verified: 'true', identity: workflowSan, issuer: actionsIssuer, notes: [] })
})

test('verify bundle: a refusal is an output with its reason and exit code 1', () => {
  const other = run('verify', 'bundle', subject, '--bundle', bundle, ...identity.with(1, `${workflowSan}x`))
  expect([other.status, other.outputs?.['verified'], other.outputs?.['reason']]).toEqual([
    1,
    'false',
    'identity-mismatch',
  ])
  const wrongKey = run('verify', 'bundle', subject, '--bundle', keyed, '--public-key', otherPem)
  expect([wrongKey.status, wrongKey.outputs?.['reason']]).toEqual([1, 'signature-invalid'])
  const unknown = run('verify', 'bundle', subject, '--bundle', bundle, ...identity.slice(0, 4))
  expect([unknown.status, unknown.outputs?.['reason']]).toEqual([1, 'log-invalid'])
})

test('verify bundle: by key, with and without a trusted root', () => {
  const bare = run('verify', 'bundle', subject, '--bundle', keyed, '--public-key', pem)
  expect([bare.status, bare.outputs?.['log-entries']]).toEqual([0, []])
  const rooted = run('verify', 'bundle', subject, '--bundle', keyed, '--public-key', pem, '--trusted-root', trusted)
  expect(rooted.outputs?.['log-entries']).toHaveLength(1)
})

test('wrong use ends with 2 and says what to give', () => {
  const none = run('verify', 'bundle', subject, '--bundle', bundle)
  expect([none.status, none.error?.remedy]).toEqual([2, expect.stringContaining('--public-key FILE')])
  const both = run('verify', 'bundle', subject, '--bundle', bundle, ...identity, '--public-key', pem)
  expect(both.status).toBe(2)
  const pattern = run(
    'verify',
    'bundle',
    subject,
    '--bundle',
    bundle,
    '--identity-pattern',
    'a)|(b',
    '--issuer',
    actionsIssuer,
    '--trusted-root',
    trusted,
  )
  expect([pattern.status, pattern.error?.message]).toEqual([2, expect.stringContaining('not a regular expression')])
  const root = run('verify', 'bundle', subject, '--bundle', bundle, ...identity.with(5, subject))
  expect([root.status, root.error?.code]).toEqual([2, 'file-invalid'])
  const staging = run(
    'conformance',
    'verify-bundle',
    '--staging',
    '--bundle',
    bundle,
    '--certificate-identity',
    'x',
    '--certificate-oidc-issuer',
    actionsIssuer,
    subject,
  )
  expect([staging.status, staging.error?.code]).toEqual([2, 'unsupported'])
})

const suite = 'sigstore/conformance'
withPeers(
  [`vectors:${suite}`],
  'conformance verify-bundle takes the options of the suite, with the public root by default',
  async () => {
    const beacon = 'sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows'
    const signer = [
      '--certificate-identity',
      `https://github.com/${beacon}/extremely-dangerous-oidc-beacon.yml@refs/heads/main`,
      '--certificate-oidc-issuer',
      actionsIssuer,
    ]
    const of = (name: string): string[] => [
      'conformance',
      'verify-bundle',
      '--bundle',
      vector(`${suite}/bundle-verify/${name}/bundle.sigstore.json`),
    ]
    const digest = 'sha256:a0cfc71271d6e278e57cd332ff957c3f7043fdda354c4cbb190a30d56efa01bf'
    expect(run(...of('happy-path-v0.3'), ...signer, vector(`${suite}/a.txt`)).status).toBe(0)
    expect(run(...of('happy-path-v0.1'), ...signer, digest).status).toBe(0)
    expect(run(...of('signature-mismatch_fail'), ...signer, digest).status).toBe(1)
    const keyFile = vector(`${suite}/bundle-verify/managed-key-happy-path/key.pub`)
    expect(run(...of('managed-key-happy-path'), '--key', keyFile, digest).status).toBe(0)
  },
)

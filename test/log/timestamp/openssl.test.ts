import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePem } from '../../../src/encoding/pem.ts'
import { timestampRequest, type RequestOptions } from '../../../src/log/timestamp/request.ts'
import { readTimestamp } from '../../../src/log/timestamp/response.ts'
import { verifyTimestamp } from '../../../src/log/timestamp/verify.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { makeAuthority, type SignerKind, type TestAuthority } from '../../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken } from '../../../testkit/timestamp/token.ts'

const bytes = Buffer.from('the raw bytes of a signature')

const config = `
[tsa]
default_tsa = one
[one]
serial = serial
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.2
signer_digest = sha512
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
tsa_name = yes
ess_cert_id_chain = yes
`

/** A folder with the authority's files as `openssl ts` reads them. */
function folderOf(authority: TestAuthority): string {
  const folder = scratch('openssl-ts')
  const files = {
    'leaf.pem': writePem('CERTIFICATE', authority.leaf),
    'root.pem': writePem('CERTIFICATE', authority.root),
    'key.pem': writePem('PRIVATE KEY', authority.key.privateKey.export({ type: 'pkcs8', format: 'der' })),
    'tsa.cnf': config,
    serial: '01\n',
    data: bytes,
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

function openssl(folder: string, ...args: string[]): string {
  return execFileSync('openssl', ['ts', ...args], { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function answer(folder: string, request: Buffer): Buffer {
  writeFileSync(join(folder, 'request.tsq'), request)
  const signer = ['-signer', 'leaf.pem', '-inkey', 'key.pem', '-chain', 'root.pem', '-config', 'tsa.cnf']
  openssl(folder, '-reply', '-queryfile', 'request.tsq', ...signer, '-out', 'response.tsr')
  return readFileSync(join(folder, 'response.tsr'))
}

withPeers(['openssl'], 'openssl ts answers our requests, and we verify its answers', async () => {
  const cases: readonly [SignerKind, RequestOptions][] = [
    ['P-256', {}],
    ['P-384', { hash: 'sha384', nonce: Buffer.alloc(16, 0xff) }],
    ['P-521', { hash: 'sha512', policy: '1.2.3.4.2' }],
    ['rsa', { nonce: Buffer.from([0, 0, 1]), certificates: false }],
  ]
  for (const [kind, options] of cases) {
    const authority = makeAuthority({ kind })
    const before = Date.now()
    const response = answer(folderOf(authority), timestampRequest(bytes, options))
    const stamped = verifyTimestamp(response, bytes, [{ name: kind, chain: authority.chain }])
    expect([stamped.accuracyMs, stamped.serial, stamped.policy]).toEqual([1501, '2', options.policy ?? '1.2.3.4.1'])
    expect(Math.abs(stamped.time.getTime() - before)).toBeLessThan(60_000)
    const { info, data } = readTimestamp(response)
    expect(info.nonce).toBe(
      options.nonce === undefined ? null : BigInt(`0x${Buffer.from(options.nonce).toString('hex')}`).toString(16),
    )
    expect(data.certificates.length > 0).toBe(options.certificates ?? true)
    expect(info.authority?.equals(authority.chain[0]!.subject)).toBe(true)
  }
})

withPeers(['openssl'], 'a refusal by openssl ts is told in its words', async () => {
  const folder = folderOf(makeAuthority())
  const response = answer(folder, timestampRequest(bytes, { policy: '1.9.9' }))
  expect(() => readTimestamp(response)).toThrow('was not granted: rejection, the policy is not supported')
})

withPeers(
  ['openssl'],
  'openssl ts verifies what the test authority makes, and refuses it for other bytes',
  async () => {
    for (const kind of ['P-256', 'P-384', 'P-521', 'rsa'] as const) {
      const authority = makeAuthority({ kind })
      const folder = folderOf(authority)
      const token = makeToken(authority, bytes, { hash: 'sha512', authorityName: authority.chain[0]!.subject })
      writeFileSync(join(folder, 'response.tsr'), makeResponse(token))
      const verify = (): string =>
        openssl(folder, '-verify', '-data', 'data', '-in', 'response.tsr', '-CAfile', 'root.pem')
      expect(verify()).toContain('Verification: OK')
      writeFileSync(join(folder, 'data'), 'other')
      expect(verify).toThrow('message imprint mismatch')
    }
  },
)

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePem } from '../../../src/encoding/pem.ts'
import { peer } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import type { TestAuthority } from '../../../testkit/timestamp/authority.ts'
import type { CertifiedSigner } from './fixtures.ts'

/** A home of Notation: one key, one trust store, and a policy that names the signer. */
export function notationHome(by: CertifiedSigner, authority: TestAuthority | null = null): string {
  const home = scratch('notation')
  const config = join(home, 'notation')
  const store = join(config, 'truststore/x509/ca/tests')
  mkdirSync(store, { recursive: true })
  const [, root] = by.chain
  writeFileSync(join(store, 'root.crt'), writePem('CERTIFICATE', root?.bytes ?? Buffer.alloc(0)))
  writeFileSync(join(config, 'key.pem'), by.keyPem, { mode: 0o600 })
  writeFileSync(join(config, 'chain.crt'), by.chainPem)
  if (authority !== null) {
    const stamps = join(config, 'truststore/x509/tsa/tests')
    mkdirSync(stamps, { recursive: true })
    writeFileSync(join(stamps, 'root.crt'), writePem('CERTIFICATE', authority.root))
  }
  const policy = {
    name: 'tests',
    registryScopes: ['*'],
    signatureVerification: { level: 'strict' },
    trustStores: ['ca:tests', ...(authority === null ? [] : ['tsa:tests'])],
    trustedIdentities: ['x509.subject: C=US, ST=WA, O=Sealwright tests, CN=Signer'],
  }
  writeFileSync(join(config, 'trustpolicy.json'), JSON.stringify({ version: '1.0', trustPolicies: [policy] }))
  const key = { name: 'tests', keyPath: join(config, 'key.pem'), certPath: join(config, 'chain.crt') }
  writeFileSync(join(config, 'signingkeys.json'), JSON.stringify({ default: 'tests', keys: [key] }))
  return home
}

/** Runs the program in its home. */
export function notation(home: string, ...args: string[]): { code: number; text: string } {
  const env = { PATH: process.env['PATH'], HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home }
  try {
    const text = execFileSync(peer('notation'), args, {
      env,
      cwd: home,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return { code: 0, text }
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string }
    return { code: status, text: stderr }
  }
}

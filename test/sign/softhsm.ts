import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

export const tokenPeers = ['softhsm2-util', 'pkcs11-tool']
export const pin = '1234'
const module = '/usr/lib/softhsm/libsofthsm2.so'

/** A fresh software token with a key of each kind. */
export function token(base = testPorts()): { ports: Ports; uri: (part: string) => string } {
  const folder = scratch('softhsm')
  const config = join(folder, 'softhsm2.conf')
  mkdirSync(join(folder, 'tokens'))
  writeFileSync(config, `directories.tokendir = ${join(folder, 'tokens')}\n`)
  const ports = { ...base, env: { ...base.env, SOFTHSM2_CONF: config } }
  const env = { ...process.env, SOFTHSM2_CONF: config, PIN: pin }
  const run = (program: string, ...args: string[]): void => void execFileSync(program, args, { env, stdio: 'pipe' })
  run('softhsm2-util', '--init-token', '--free', '--label', 'a token', '--pin', pin, '--so-pin', '5678')
  for (const [i, kind] of ['EC:prime256v1', 'EC:secp384r1', 'EC:secp521r1', 'rsa:2048', 'EC:edwards25519'].entries()) {
    const own = ['--key-type', kind, '--label', kind.replace(/\W/, '-'), '--id', `0${i + 1}`]
    run(
      'pkcs11-tool',
      '--module',
      module,
      '--token-label',
      'a token',
      '--login',
      '--pin',
      'env:PIN',
      '--keypairgen',
      ...own,
    )
  }
  return { ports, uri: (part) => `pkcs11:token=a%20token;${part}?module-path=${module}` }
}

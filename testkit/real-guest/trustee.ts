import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { generateKeyPairSync } from 'node:crypto'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { resourcePolicy } from '../../src/kbs/rego/resource-policy.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { freePort } from '../free-port.ts'
import { testPorts } from '../ports.ts'
import { testAuthority } from '../tls.ts'

/** A Key Broker Service of Trustee that was started for a test. */
export interface RunningTrustee {
  readonly url: string
  /** Path of the admin's private key (PEM). */
  readonly adminKey: string
  readonly admin: KbsAdmin
  /** Sets the one resource policy: sample guests with this launch digest and init-data get these resources, and nobody gets another one. */
  admitSample(uris: readonly string[], measurement: string, initdata?: string): Promise<void>
  close(): Promise<void>
}

/** What Trustee's own attestation policy compares sample evidence with. */
export const trusteeSampleValues = { launch_digest: ['abcde'], svn: ['1'], major_version: 1, minimum_minor_version: 4 }

/**
 * Starts `kbs` on a free loopback port: plain http, files below `folder`, tokens trusted by the certificate of their signer, an admin by JWT.
 *
 * @throws Error when it does not answer within 20 s
 */
export async function startTrustee(program: string, folder: string): Promise<RunningTrustee> {
  const address = `127.0.0.1:${await freePort()}`
  const at = (name: string, text?: string): string => {
    if (text !== undefined) writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const admin = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const authority = testAuthority()
  const signer = authority.issue('as.test')
  const text = (path: string): string => readFileSync(path, 'utf8')
  const pem = admin.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const adminKey = at('admin.key', pem)
  const adminPublic = at('admin.pub', admin.publicKey.export({ type: 'spki', format: 'pem' }).toString())
  const chain = at('as-chain.pem', text(signer.certificate) + text(authority.path))
  const config = `[http_server]
sockets = ["${address}"]
insecure_http = true
[attestation_token]
trusted_certs_paths = ["${authority.path}"]
[attestation_service]
type = "coco_as_builtin"
[attestation_service.attestation_token_broker]
duration_min = 5
[attestation_service.attestation_token_broker.signer]
key_path = "${signer.key}"
cert_path = "${chain}"
[attestation_service.rvps_config]
type = "BuiltIn"
[admin]
authorization_mode = "AuthenticatedAuthorization"
[admin.authentication.bearer_jwt]
identity_providers = [ { public_key_uri = "${adminPublic}" } ]
[admin.authorization.regex_acl]
acls = [{ role = "admin", allowed_endpoints = '^/kbs/.+$' }]
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "${at('store')}"
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
`
  const log = openSync(at('kbs.log'), 'w')
  const child = spawn(program, ['--config-file', at('kbs.toml', config)], { stdio: ['ignore', log, log] })
  const url = `http://${address}`
  for (let left = 200; ; left--) {
    const answer = await fetch(`${url}/healthz`).catch(() => null)
    if (answer?.ok === true) break
    if (left === 0 || child.exitCode !== null)
      throw new Error(`kbs does not answer: ${text(at('kbs.log')).slice(-500)}`)
    await wait(100)
  }
  const ports = testPorts()
  const client = kbsAdmin(url, adminToken(pem, ports.clock), ports)
  return {
    url,
    adminKey,
    admin: client,
    admitSample: (uris, measurement, initdata) => {
      const admit = [
        {
          technology: 'sample' as const,
          measurements: [measurement],
          initdata: initdata === undefined ? [] : [initdata],
        },
      ]
      return client.setResourcePolicy(writeRego(resourcePolicy(uris.map((uri) => ({ uri, admit, job: null })))))
    },
    close: async () => {
      if (child.exitCode !== null) return
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

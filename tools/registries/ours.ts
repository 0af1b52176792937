import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { runInProcess } from '../../testkit/in-process.ts'
import { testPorts } from '../../testkit/ports.ts'
import { registryLogin } from '../../testkit/registry-login.ts'
import { smallFiles, putSmallImage } from '../../testkit/small-image.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'

/** What our commands are tried with, made once for all rows. */
export interface Ours {
  /** Runs a command in this process; gives its outputs, or the error's code, or `refused`. */
  run(argv: readonly string[]): Promise<{ outputs: Readonly<Record<string, unknown>> } | string>
}

export const oursColumns = ['publish', 'verify', 'tree', 'promote'] as const

/** Statements that are signed: each is a referrer of its own. */
const statements = ['sign', 'spdx', 'inventory'] as const
const policy = `version: 1
release-keys: [key.pem.pub]
accept-signature-only: true
accept-not-rebuilt: true
statements: [${statements.join(', ')}]
`

/** Makes an image, its SBOM, a key and a policy, and logs in where the row wants it. */
export async function prepareOurs(): Promise<Ours & { logIn(host: string): void }> {
  const base = testPorts()
  const { cwd, temp } = base.roots
  const docker = join(temp, 'docker')
  mkdirSync(docker)
  const ports: Ports = { ...base, env: { ...base.env, DOCKER_CONFIG: docker } }
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(cwd, 'key.pem'), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(cwd, 'key.pem.pub'), pair.publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(join(cwd, 'policy.yml'), policy)
  writeFileSync(join(cwd, 'signed.yml'), policy.replace(statements.join(', '), 'sign'))
  await putSmallImage(openStore(parseReference('oci:source', cwd), ports), smallFiles, 'v1')
  const run: Ours['run'] = async (argv) => {
    const { outcome, outputs } = await runInProcess(argv, ports)
    return outcome === 'done' ? { outputs } : outcome
  }
  const made = await run(['sbom', '--image', 'oci:source:v1'])
  if (typeof made === 'string') throw new Error(`sbom ended with ${made}`)
  return { run, logIn: (host) => writeFileSync(join(docker, 'config.json'), dockerConfig(host)) }
}

/** Publishes by a key, verifies by a policy, shows the tree and promotes, all on one server. */
export async function tryOurs(
  { run }: Ours,
  hosts: { readonly write: string; readonly read: string },
): Promise<Record<string, string>> {
  const [to, app, copy] = [
    `${hosts.write}/sealwright/app:v1`,
    `${hosts.read}/sealwright/app:v1`,
    `${hosts.read}/sealwright/copy:v1`,
  ]
  const publish = ['sign-attest', '--image', 'oci:source:v1', '--output', to, '--signer', 'key', '--key', 'key.pem']
  const seen = {
    publish: await run([...publish, '--statements', statements.join(',')]),
    verify: await run(['verify-deploy', '--image', app, '--policy', 'policy.yml']),
    tree: await run(['tree', app]),
    promote: await run(['promote', '--from', app, '--to', copy, '--policy', 'policy.yml']),
  }
  return Object.fromEntries(
    Object.entries(seen).map(([name, result]) => [
      name,
      typeof result === 'string' ? result : judge(name, result.outputs),
    ]),
  )
}

function judge(name: string, outputs: Readonly<Record<string, unknown>>): string {
  if (name !== 'tree') return 'yes'
  const root = outputs['root'] as { attached: { kind: string; notes: string[] }[] }
  const found = root.attached.filter(({ kind }) => kind === 'statement' || kind === 'bundle')
  if (found.length < statements.length) return `finds ${found.length} of ${statements.length}`
  const damaged = found.filter(({ notes }) => notes.some((note) => note.startsWith('cannot be read'))).length
  return damaged === 0 ? 'yes' : `finds ${damaged} damaged`
}

export function dockerConfig(host: string): string {
  const auth = Buffer.from(`${registryLogin.username}:${registryLogin.password}`).toString('base64')
  return JSON.stringify({ auths: { [host]: { auth } } })
}

import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import { toSealwrightError } from '../../src/base/errors.ts'
import type { Ports } from '../../src/base/ports.ts'
import { find, parsedOptions } from '../../src/cli/find.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { doors } from '../../src/doors/registry.ts'
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
  await putSmallImage(openStore(parseReference('oci:source', cwd), ports), smallFiles, 'v1')
  const run: Ours['run'] = (argv) => runInProcess(argv, ports)
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
  const root = outputs['root'] as { attached: { kind: string }[] }
  const found = root.attached.filter(({ kind }) => kind === 'statement' || kind === 'bundle').length
  return found >= statements.length ? 'yes' : `finds ${found} of ${statements.length}`
}

/** Why a command refused: in its outputs, or in the verdict that they name. */
function reasonsOf(outputs: Readonly<Record<string, unknown>>): string[] {
  const path = outputs['verdict-path']
  const { reasons } = (typeof path === 'string' && path !== '' ? JSON.parse(readFileSync(path, 'utf8')) : outputs) as {
    reasons: string[]
  }
  return reasons
}

/** As the command line does, without a process of its own. */
async function runInProcess(argv: readonly string[], ports: Ports): ReturnType<Ours['run']> {
  try {
    const found = find(argv)
    if (found.kind === 'family') throw new Error(`${argv[0]} is a family of commands`)
    const { inputs: definitions } = found.kind === 'action' ? found.definition : found.command
    const options = parsedOptions(found)
    const inputs = rawInputs({
      given: (name) => options.values[name],
      defaults: Object.fromEntries(definitions.map((input) => [input.name, input.default])),
      ports,
      confine: null,
      label: (name) => name,
    })
    const context = { ports, state: openState(join(ports.roots.temp, 'state'), ports) }
    const runner = found.kind === 'command' ? found.command : await doors[found.name]?.()
    if (runner === undefined) throw new Error(`${found.name} cannot be run here`)
    const result = await runner.run(inputs, context)
    const isRefused = result.refused === true || ('exitCode' in result && (result.exitCode ?? 0) !== 0)
    return isRefused ? `refused: ${reasonsOf(result.outputs).join(', ')}` : { outputs: result.outputs }
  } catch (error) {
    return toSealwrightError(error).code
  }
}

export function dockerConfig(host: string): string {
  const auth = Buffer.from(`${registryLogin.username}:${registryLogin.password}`).toString('base64')
  return JSON.stringify({ auths: { [host]: { auth } } })
}

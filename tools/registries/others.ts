import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { peer } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { dockerConfig } from './ours.ts'

const run = promisify(execFile)
/** Ten thousand referrers take a while to copy. */
const timeoutMs = 600_000
const password = 'key password'

/** One call of a program; what it prints is judged where the exit code does not say enough. */
interface Step {
  readonly name: string
  /** Writes to the registry before it reads anything that a quirk may have changed. */
  readonly writes?: true
  readonly args: readonly string[]
  /** What is wrong with the output; null where nothing is. */
  judge?(output: string): string | null
}

/** What the programs of others are tried with: by name, the steps on an image and its copy. */
const steps: Readonly<Record<string, (app: string, copy: string, host: string) => readonly Step[]>> = {
  cosign2: (app) => [
    {
      name: 'sign',
      writes: true,
      args: ['sign', '--key', 'cosign.key', '--yes', '--allow-insecure-registry', '--tlog-upload=false', app],
    },
    {
      name: 'verify',
      args: ['verify', '--key', 'cosign.pub', '--allow-insecure-registry', '--insecure-ignore-tlog', app],
    },
  ],
  cosign3: (app) => [
    {
      name: 'sign',
      writes: true,
      args: [
        'sign',
        '--key',
        'cosign.key',
        '--yes',
        '--allow-insecure-registry',
        '--signing-config',
        'config.json',
        app,
      ],
    },
    {
      name: 'verify',
      args: ['verify', '--key', 'cosign.pub', '--allow-insecure-registry', '--insecure-ignore-tlog', app],
    },
  ],
  oras: (app, copy) => [
    {
      name: 'attach',
      writes: true,
      args: ['attach', '--plain-http', '--artifact-type', 'text/x', app, 'file.txt:text/plain'],
    },
    { name: 'discover', args: ['discover', '--plain-http', '--format', 'json', app], judge: orasFinds },
    { name: 'cp -r', args: ['cp', '-r', '--from-plain-http', '--to-plain-http', app, copy] },
    { name: 'discover the copy', args: ['discover', '--plain-http', '--format', 'json', copy], judge: orasFinds },
  ],
  skopeo: (app, copy) => [
    {
      name: 'copy',
      args: ['copy', '--src-tls-verify=false', '--dest-tls-verify=false', `docker://${app}`, `docker://${copy}`],
    },
  ],
  regctl: (app, copy, host) => [
    {
      name: 'artifact put',
      writes: true,
      args: [
        ...regctlHost(host),
        'artifact',
        'put',
        '--subject',
        app,
        '--artifact-type',
        'text/x',
        '--file',
        'file.txt',
      ],
    },
    { name: 'artifact list', args: [...regctlHost(host), 'artifact', 'list', app], judge: regctlFinds },
    { name: 'image copy', args: [...regctlHost(host), 'image', 'copy', '--referrers', app, copy] },
    { name: 'artifact list of the copy', args: [...regctlHost(host), 'artifact', 'list', copy], judge: regctlFinds },
  ],
  crane: (app, copy) => [
    { name: 'copy', args: ['copy', '--insecure', app, copy] },
    { name: 'digest', args: ['digest', '--insecure', copy] },
  ],
}

export const otherColumns = Object.keys(steps)

/** Programs of `scripts/peers` that the matrix needs. */
export const otherPeers = [...otherColumns, 'docker-registry']

export interface Others {
  logIn(host: string): void
  /** `yes`, or the first step that failed. */
  try(program: string, hosts: { readonly write: string; readonly read: string }): Promise<string>
}

/** Makes a key, and configuration that asks no service. */
export async function prepareOthers(): Promise<Others> {
  const folder = scratch('others')
  const docker = join(folder, 'docker')
  mkdirSync(docker)
  const config = join(docker, 'config.json')
  writeFileSync(join(folder, 'file.txt'), 'attached\n')
  writeFileSync(
    join(folder, 'config.json'),
    '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}',
  )
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    DOCKER_CONFIG: docker,
    REGISTRY_AUTH_FILE: config,
    COSIGN_PASSWORD: password,
  }
  writeFileSync(config, '{}')
  await run(peer('cosign2'), ['generate-key-pair'], { cwd: folder, env })
  return {
    logIn: (host) => writeFileSync(config, dockerConfig(host)),
    try: async (program, hosts) => {
      for (const name of (steps[program]?.('', '', '') ?? []).keys()) {
        const at = (host: string): Step | undefined =>
          steps[program]?.(`${host}/${program}/app:v1`, `${host}/${program}/copy:v1`, host)[name]
        const step = at(hosts.read)?.writes === true ? at(hosts.write) : at(hosts.read)
        if (step === undefined) break
        const done = await run(peer(program), [...step.args], {
          cwd: folder,
          env,
          timeout: timeoutMs,
          maxBuffer: 256 << 20,
        }).catch((error: { stderr?: string; code?: unknown }) => {
          if (process.env['REGISTRIES_VERBOSE'] === '1')
            console.error(program, step.args.join(' '), error.code, error.stderr)
          return null
        })
        const wrong = done === null ? 'fails' : (step.judge?.(done.stdout) ?? null)
        if (wrong !== null) return `${step.name} ${wrong}`
      }
      return 'yes'
    },
  }
}

function regctlHost(host: string): string[] {
  return ['--host', `reg=${host},tls=disabled`]
}

function orasFinds(output: string): string | null {
  const { referrers = [] } = JSON.parse(output) as { referrers?: { artifactType?: string }[] }
  return finds(referrers.filter(({ artifactType }) => artifactType === 'text/x').length)
}

function regctlFinds(output: string): string | null {
  return finds(output.includes('text/x') ? 1 : 0)
}

function finds(count: number): string | null {
  return count > 0 ? null : 'does not find what was attached'
}

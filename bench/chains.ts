import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Keys } from './keys.ts'

export interface Setting {
  /** Our command line. */
  program: string
  /** Folder of the tools that `scripts/peers` unpacked. */
  peers: string
  /** OCI layout with the image. */
  layout: string
  /** Registry. */
  host: string
  /** Empty folder of this run. */
  folder: string
  keys: Keys
}

export interface Command {
  command: string
  args: string[]
  env?: Record<string, string>
}

/** Commands that run one after another, and what a table calls them. */
export interface Chain {
  name: string
  names: readonly string[]
  commands(setting: Setting): Command[]
}

/** What one uses without us: SBOM, encryption, signature, three attestations with the SBOM as predicate. */
export const tools: Chain = {
  name: 'tools',
  names: ['syft', 'skopeo copy, encrypting', 'cosign sign', 'cosign attest 1', 'cosign attest 2', 'cosign attest 3'],
  commands: ({ peers, layout, host, folder, keys }) => {
    const target = `${host}/theirs/app:latest`
    const sbom = join(folder, 'syft.json')
    const env = { COSIGN_PASSWORD: keys.password }
    const cosign = (...args: string[]): Command => ({
      command: join(peers, 'cosign2'),
      args: [
        args[0] ?? '',
        '--yes',
        '--tlog-upload=false',
        '--key',
        keys.signing,
        '--allow-insecure-registry',
        ...args.slice(1),
        target,
      ],
      env,
    })
    const attest = (type: string): Command => cosign('attest', '--type', type, '--predicate', sbom)
    const from = `oci:${layout}:latest`
    return [
      {
        command: join(peers, 'syft'),
        args: ['scan', `oci-dir:${layout}`, '-q', '-o', `spdx-json=${sbom}`],
        env: { SYFT_CHECK_FOR_APP_UPDATE: 'false' },
      },
      {
        command: 'skopeo',
        args: [
          'copy',
          '-q',
          '--encryption-key',
          `jwe:${keys.recipient}`,
          '--dest-tls-verify=false',
          from,
          `docker://${target}`,
        ],
      },
      cosign('sign'),
      attest('spdxjson'),
      attest('custom'),
      attest('https://example.com/other'),
    ]
  },
}

/** Our actions one by one, as steps of a workflow: SPDX, CycloneDX and inventory, for both cosigns and for guests. */
export const steps: Chain = {
  name: 'ours, three steps',
  names: ['sbom', 'encrypt', 'sign-attest'],
  commands: (setting) => {
    const { layout, host, keys } = setting
    const image = `oci:${layout}:latest`
    const output = `${host}/ours/app:latest`
    return [
      ours(setting, 'sbom', '--image', image),
      ours(setting, 'encrypt', '--image', image, '--recipients', `jwe:${keys.recipient}`, '--output', output),
      ours(
        setting,
        'sign-attest',
        '--image',
        output,
        '--signer',
        'key',
        '--key',
        keys.signing,
        '--key-password',
        'env:COSIGN_PASSWORD',
        '--output',
        output,
      ),
    ]
  },
}

/** The root action: the same in one process, the layers read once. */
export const onePass: Chain = {
  name: 'ours, root action',
  names: ['publish'],
  commands: (setting) => {
    const { layout, host, keys } = setting
    const what = ['--technology', 'none', '--image', `oci:${layout}:latest`, '--recipients', `jwe:${keys.recipient}`]
    return [
      ours(
        setting,
        'publish',
        ...what,
        '--signer',
        'key',
        '--key',
        keys.signing,
        '--key-password',
        'env:COSIGN_PASSWORD',
        '--output',
        `${host}/ours/app:latest`,
      ),
    ]
  },
}

function ours({ program, folder, keys }: Setting, ...args: string[]): Command {
  const env = { COSIGN_PASSWORD: keys.password }
  return { command: process.execPath, args: [program, ...args, '--state', join(folder, 'state')], env }
}

/** Versions of the tools: what `scripts/peers` noted down, since programs made by `go install` call themselves "devel", else their own word. */
export function versions(peers: string): [string, string][] {
  const noted = (name: string): string => readFileSync(join(peers, '../versions', name), 'utf8').split(' ')[0] ?? ''
  const skopeo = execFileSync('skopeo', ['--version'], { encoding: 'utf8' })
  return [
    ['syft', noted('syft')],
    ['skopeo', skopeo.trim().split(' ').at(-1) ?? ''],
    ['cosign', noted('cosign2')],
  ]
}

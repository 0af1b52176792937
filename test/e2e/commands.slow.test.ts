import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionReport } from '../../src/report/types.ts'
import { succeed } from '../../testkit/cli.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { startJob } from './job.ts'
import { cosigns, shell } from './shell.ts'

type Run = (...args: string[]) => Promise<Record<string, string>>

interface Bench {
  host: string
  folder: string
  /** Options of `sign-attest` that sign with a key that stays. */
  key: string[]
  /** The command line with a state of its own. */
  run: Run
  /** Builds into a layout of this name, and describes the image where asked. */
  build(name: string, more?: { platform?: string; sbom?: boolean }): Promise<string>
  push(layout: string, name: string): void
}

const kinds = ['referrers', 'docker'] as const
const needs = (kind: (typeof kinds)[number]): string[] => [registryPeers[kind], ...cosigns, 'oras']

async function onBench(kind: (typeof kinds)[number], fn: (bench: Bench) => Promise<void>): Promise<void> {
  const registry = await startRegistry(kind)
  const folder = scratch('commands')
  const run: Run = (...args) => succeed([...args, '--state', join(folder, 'state')], { cwd: folder })
  newKey(folder, 'key.pem')
  mkdirSync(join(folder, 'context'))
  writeFileSync(join(folder, 'context/Containerfile'), 'FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n')
  writeFileSync(join(folder, 'context/hello'), 'hello\n')
  const build: Bench['build'] = async (name, { platform = 'linux/amd64', sbom = false } = {}) => {
    const layout = join(folder, name)
    const fixed = ['--builder', 'embedded', '--source-date-epoch', '0', '--rebuilds', sbom ? '1' : '0']
    const where = ['--context', 'context', '--platforms', platform, '--output', `oci:${layout}:v1`]
    await run('build-reproducible', ...where, ...fixed)
    if (sbom) await run('sbom', '--image', `oci:${layout}:v1`)
    return layout
  }
  const push = (layout: string, name: string): void =>
    void execFileSync(peer('oras'), [
      'cp',
      '--from-oci-layout',
      `${layout}:v1`,
      '--to-plain-http',
      `${registry.host}/${name}`,
    ])
  try {
    const key = ['--signer', 'key', '--key', join(folder, 'key.pem')]
    await fn({ host: registry.host, folder, key, run, build, push })
  } finally {
    await registry.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

function newKey(folder: string, name: string): void {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(folder, name), pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(join(folder, `${name}.pub`), pair.publicKey.export({ type: 'spki', format: 'pem' }))
}

function reportOf(outputs: Record<string, string>): ActionReport {
  return JSON.parse(readFileSync(outputs['report-path'] ?? '', 'utf8')) as ActionReport
}

/**
 * Pastes all printed lines in their order, each into the shell of every cosign that its title speaks of.
 *
 * @returns titles of the groups
 */
function paste({ host }: Bench, { commands }: ActionReport): string[] {
  for (const cosign of cosigns) {
    const folder = scratch('shell')
    const runs = shell(folder)
    for (const { title, lines } of commands) {
      if (title.endsWith(cosign === 'cosign2' ? 'cosign 3' : 'cosign 2.5')) continue
      for (const printed of lines) {
        // The port of the reader's registry is an example.
        const line = printed.replaceAll('localhost:5000', host)
        expect({ cosign, line, ends: runs(cosign, line) }).toEqual({ cosign, line, ends: 0 })
      }
    }
  }
  return commands.map(({ title }) => title)
}

const withCosign = ['Verify with cosign 2.5', 'Verify with cosign 3', 'Verify with Sealwright']

describe.each(kinds)('printed commands work when pasted, %s registry', (kind) => {
  withPeers(needs(kind), `an image signed by a key alone, in a registry and in layouts (${kind})`, () =>
    onBench(kind, async (bench) => {
      const { host, folder, key, run, build, push } = bench
      const layout = await build('img')
      push(layout, 'team/app:v1')
      const image = `${host}/team/app:v1`
      expect(paste(bench, reportOf(await run('sign-attest', '--image', image, ...key)))).toEqual(withCosign)
      for (const name of ['d', 'D', "it's my_layout"]) {
        cpSync(layout, join(folder, name), { recursive: true })
        const signed = await run('sign-attest', '--image', `oci:${join(folder, name)}:v1`, ...key)
        expect(paste(bench, reportOf(signed))).toEqual(['Copy the layout to a registry', ...withCosign])
      }
      // A registry's own name of one letter cannot be changed: nothing is printed that cosign would refuse.
      push(layout, 'd:v1')
      const single = reportOf(await run('sign-attest', '--image', `${host}/d:v1`, ...key))
      expect(paste(bench, single)).toEqual(['Verify with Sealwright'])
      expect(single.notes.join()).toContain('cosign refuses a repository name of one character')
    }),
  )

  withPeers(needs(kind), `an index that a key signed (${kind})`, () =>
    onBench(kind, async (bench) => {
      const { host, key, run, build, push } = bench
      for (const name of ['amd64', 'arm64']) push(await build(name, { platform: `linux/${name}` }), `team/app:${name}`)
      const create = ['manifest', 'index', 'create', '--plain-http', `${host}/team/app:v1`, 'amd64', 'arm64']
      execFileSync(peer('oras'), create)
      expect(
        paste(
          bench,
          reportOf(await run('sign-attest', '--image', `${host}/team/app:v1`, ...key, '--statements', 'sign')),
        ),
      ).toEqual(withCosign)
    }),
  )

  withPeers(needs(kind), `a verdict, and the verification summary that another key signed (${kind})`, () =>
    onBench(kind, async (bench) => {
      const { host, folder, key, run, build, push } = bench
      push(await build('img', { sbom: true }), 'team/app:v1')
      const image = `${host}/team/app:v1`
      await run('sign-attest', '--image', image, ...key)
      await run('policy', 'init', '--image', image, '--public-key', `${key[3]}.pub`, '--output', join(folder, 'p.yml'))
      const gate = ['verify-deploy', '--image', image, '--policy', join(folder, 'p.yml')]
      expect(paste(bench, reportOf(await run(...gate)))).toEqual(['Verify again with Sealwright'])
      newKey(folder, 'verifier.pem')
      const report = reportOf(await run(...gate, '--signer', 'key', '--key', join(folder, 'verifier.pem')))
      const titles = ['Verify again with Sealwright', 'Check the verification summary with cosign']
      expect(paste(bench, report)).toEqual(titles)
      // The line can fail: the image's own key signed no such summary.
      const runs = shell(scratch('shell'))
      const line = report.commands[1]?.lines[0] ?? ''
      for (const cosign of cosigns) expect(runs(cosign, line.replace(/--key \S+/, `--key ${key[3]}.pub`))).not.toBe(0)
    }),
  )

  withPeers(needs(kind), `an agent's image in a layout of one letter, and its verdict (${kind})`, () =>
    onBench(kind, async (bench) => {
      const job = await startJob()
      try {
        const output = `oci:${join(job.folder, 'd')}:v1`
        const signed = reportOf(await job.run('sign-attest', '--output', output))
        expect(paste(bench, signed)).toEqual(['Copy the layout to a registry', ...withCosign])
        const verdict = await job.run('verify-deploy', '--image', output, '--policy', job.policy)
        expect(paste(bench, reportOf(verdict))).toEqual(['Verify again with Sealwright'])
      } finally {
        await job.stop()
        rmSync(job.folder, { recursive: true, force: true, maxRetries: 3 })
      }
    }),
  )
})

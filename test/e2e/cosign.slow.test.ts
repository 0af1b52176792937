import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionReport } from '../../src/report/types.ts'
import type { Check } from '../../src/verify/types.ts'
import { cleanEnv, cli, succeed } from '../../testkit/cli.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { startJob } from './job.ts'
import { cosigns, shell } from './shell.ts'

const kinds = ['referrers', 'docker'] as const

/** What keeps cosign 3 from every public service. */
const signingConfig =
  '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}'

async function withRegistry(
  kind: (typeof kinds)[number],
  fn: (host: string, folder: string) => Promise<void>,
): Promise<void> {
  const registry = await startRegistry(kind)
  const folder = scratch('cosign')
  try {
    await fn(registry.host, folder)
  } finally {
    await registry.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Runs cosign with a home and a key password of its own; fails as it fails. */
function runCosign(name: (typeof cosigns)[number], folder: string, ...args: string[]): void {
  execFileSync(peer(name), args, {
    cwd: folder,
    env: { ...cleanEnv(), HOME: folder, COSIGN_PASSWORD: 'secret' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** Builds a small image into the registry, without an agent. */
async function build(folder: string, output: string): Promise<string> {
  const context = join(folder, 'context')
  mkdirSync(context, { recursive: true })
  writeFileSync(join(context, 'Containerfile'), 'FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n')
  writeFileSync(join(context, 'hello'), 'hello\n')
  const args = ['--context', context, '--builder', 'embedded', '--source-date-epoch', '0', '--rebuilds', '0']
  const { image = '' } = await succeed([
    'build-reproducible',
    ...args,
    '--output',
    output,
    '--state',
    join(folder, 'state'),
  ])
  return image
}

function policyWith(folder: string, name: string, key: string, more = ''): string {
  const path = join(folder, name)
  writeFileSync(path, `version: 1\nrelease-keys: [${key}]\n${more}`)
  return path
}

for (const kind of kinds) {
  withPeers([registryPeers[kind], ...cosigns], `images signed by cosign are admitted by that key alone (${kind})`, () =>
    withRegistry(kind, async (host, folder) => {
      runCosign('cosign3', folder, 'generate-key-pair')
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
      writeFileSync(join(folder, 'other.pub'), other.export({ type: 'spki', format: 'pem' }))
      writeFileSync(join(folder, 'config.json'), signingConfig)
      const accept = 'accept-signature-only: true\naccept-not-rebuilt: true\nstatements: [sign]\n'
      const good = policyWith(folder, 'good.yml', 'cosign.pub', accept)
      const strict = policyWith(folder, 'strict.yml', 'cosign.pub', 'accept-signature-only: true\n')
      const wrong = policyWith(folder, 'wrong.yml', 'other.pub', accept)

      for (const cosign of cosigns) {
        const image = await build(folder, `${host}/${cosign}/app:v1`)
        const gate = (policy: string, ...more: string[]): ReturnType<typeof cli> =>
          cli(['verify-deploy', '--image', image, '--policy', policy, '--state', join(folder, 'state'), ...more])
        const failures = async (policy: string): Promise<unknown> => {
          const { exitCode, outputs } = await gate(policy)
          const verdict = JSON.parse(readFileSync(outputs['verdict-path'] ?? '', 'utf8')) as { checks: Check[] }
          const failed = verdict.checks.filter(({ status }) => status === 'failed')
          const names = failed.map(({ id, reason }) => `${id}: ${reason ?? ''}`)
          return { cosign, exitCode, verified: outputs['verified'], failed: names }
        }
        const refused = (...failed: string[]): unknown => ({ cosign, exitCode: 1, verified: 'false', failed })
        const notByThisKey = 'signature.release: signature-invalid'
        expect(await failures(good)).toEqual(refused('signature.evidence: missing-evidence', notByThisKey))

        const flags = cosign === 'cosign2' ? ['--tlog-upload=false'] : ['--signing-config', 'config.json']
        const plain = image.replace(/:v1@/, '@')
        runCosign(cosign, folder, 'sign', '--key', 'cosign.key', '--yes', '--allow-insecure-registry', ...flags, plain)
        expect(await failures(good)).toEqual({ cosign, exitCode: 0, verified: 'true', failed: [] })
        // Something is there in either form, by a key that is not pinned.
        expect(await failures(wrong)).toEqual(refused('signature.evidence: signature-only', notByThisKey))
        // A policy that says nothing of statements and rebuilds wants more than a signature.
        const more = ['job.statements: missing-statement', 'rebuilds.count: missing-statement']
        expect(await failures(strict)).toEqual(refused(...more))
      }
    }),
  )

  withPeers(
    [registryPeers[kind], ...cosigns, 'oras'],
    `the commands of sign-attest's report run as they stand (${kind})`,
    () =>
      withRegistry(kind, async (host, folder) => {
        const job = await startJob()
        try {
          const signed = await job.run('sign-attest', '--output', `${host}/team/app:v1`)
          const report = JSON.parse(readFileSync(signed['report-path'] ?? '', 'utf8')) as ActionReport
          const key = signed['public-key-path'] ?? ''
          const other = join(folder, 'other.pub')
          const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
          writeFileSync(other, pair.publicKey.export({ type: 'spki', format: 'pem' }))
          const runs = shell(folder)
          for (const [title, cosign] of [
            ['Verify with cosign 2.5', 'cosign2'],
            ['Verify with cosign 3', 'cosign3'],
          ] as const) {
            const lines = report.commands.find((group) => group.title === title)?.lines ?? []
            expect([title, lines.length]).toEqual([title, 4])
            for (const line of lines) {
              expect({ line, ends: runs(cosign, line) }).toEqual({ line, ends: 0 })
              expect(line).toContain(key)
              const wrong = line.replace(key, other)
              expect({ wrong, ends: runs(cosign, wrong) }).not.toEqual({ wrong, ends: 0 })
            }
          }
          const ours = report.commands.find((group) => group.title === 'Verify with Sealwright')?.lines ?? []
          expect(ours).toHaveLength(2)
          // The agent's key is good for one job, so no policy pins it. One that signed nothing is refused: then there is no policy file
          // either, and the gate does not run without.
          expect(ours[0]).not.toContain(key)
          expect(runs('cosign3', `${ours[0] ?? ''} --public-key ${other}`)).not.toBe(0)
          expect(runs('cosign3', ours[1] ?? '')).not.toBe(0)
          for (const line of ours) expect({ line, ends: runs('cosign3', line) }).toEqual({ line, ends: 0 })
        } finally {
          await job.stop()
          rmSync(job.folder, { recursive: true, force: true, maxRetries: 3 })
        }
      }),
  )
}

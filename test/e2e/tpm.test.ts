import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cli, succeed } from '../../testkit/cli.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { withSwtpm, type TestTpm } from '../../testkit/tee/tpm/with-swtpm.ts'

interface Verdict {
  verified: boolean
  reasons: string[]
  exceptions: string[]
  builder: { technology: string }
}

const place = scratch('e2e-tpm')
const source = join(place, 'source')
const git = ['-c', 'user.name=test', '-c', 'user.email=test@example.org', '-C', source]

beforeAll(() => {
  mkdirSync(source)
  writeFileSync(join(source, 'part'), 'a part of an image\n')
  writeFileSync(join(source, 'Containerfile'), 'FROM scratch\nCOPY part /part\nENTRYPOINT ["/part"]\n')
  const env = { ...process.env, GIT_AUTHOR_DATE: '2025-01-01T00:00:00Z', GIT_COMMITTER_DATE: '2025-01-01T00:00:00Z' }
  execFileSync('git', [...git, 'init', '--quiet'])
  execFileSync('git', [...git, 'add', '.'])
  execFileSync('git', [...git, 'commit', '--quiet', '--message', 'first'], { env })
})

/** One job on this TPM: set up, build, describe, sign. @returns the published image */
async function publish(tpm: TestTpm, name: string): Promise<string> {
  const state = ['--state', join(place, name, 'state')]
  const here = { cwd: source }
  const device = ['--technology', 'tpm', '--tpm-device', tpm.device]
  // Nobody vouches for a software TPM, and a job without token brings a nonce of the verifier.
  await succeed(['setup-cvm-runner', ...state, ...device, '--verifier', 'none', '--nonce', 'verifier:e2e'], here)
  try {
    const output = ['--builder', 'embedded', '--output', `oci:${join(place, name, 'app')}`]
    return (await succeed(['publish', ...state, ...output], here))['image'] ?? ''
  } finally {
    await succeed(['agent', 'stop', ...state], here)
  }
}

async function gate(image: string, policy: string): Promise<{ exitCode: number | null; verdict: Verdict }> {
  const args = ['--image', image, '--policy', policy, '--signer', 'none', '--state', scratch('gate')]
  const { exitCode, outputs } = await cli(['verify-deploy', ...args], { cwd: place })
  return { exitCode, verdict: JSON.parse(readFileSync(outputs['verdict-path'] ?? '', 'utf8')) as Verdict }
}

withPeers(
  ['swtpm', 'tpm2'],
  'the chain on a software TPM: admitted by a policy that names it, refused without; a second agent in one boot is refused',
  () =>
    withSwtpm(async (tpm) => {
      const image = await publish(tpm, 'first')
      const policy = join(place, 'policy.yml')
      await succeed(['policy', 'init', '--image', image, '--output', policy], { cwd: place })
      const text = readFileSync(policy, 'utf8')
      expect(text).toContain('accept-software-tpm: true  # UNSAFE')

      const admitted = await gate(image, policy)
      expect([admitted.exitCode, admitted.verdict.reasons]).toEqual([0, []])
      expect(admitted.verdict.builder.technology).toBe('tpm')
      expect(admitted.verdict.exceptions.join()).toContain('accept-software-tpm')

      const strict = join(place, 'strict.yml')
      writeFileSync(strict, text.replace(/^accept-software-tpm.*\n/m, ''))
      const refused = await gate(image, strict)
      expect([refused.exitCode, refused.verdict.reasons]).toEqual([1, ['technology-refused']])

      // The machine was not restarted: its register has an agent-start already.
      const second = await gate(await publish(tpm, 'second'), policy)
      expect([second.exitCode, second.verdict.reasons]).toEqual([1, ['register-mismatch']])

      await tpm.reset()
      expect((await gate(await publish(tpm, 'third'), policy)).exitCode).toBe(0)
    }),
  240_000,
)

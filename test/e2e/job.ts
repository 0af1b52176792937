import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { succeed } from '../../testkit/cli.ts'
import { scratch } from '../../testkit/ports.ts'

/** A job with a real agent (sample evidence), run through `dist/cli` in a git work tree of its own. */
export interface Job {
  folder: string
  state: string
  /** Policy that admits what such a job makes. */
  policy: string
  run(...args: string[]): Promise<Record<string, string>>
  stop(): Promise<void>
}

const policy = `version: 1
technology: sample
accept-sample: true
accept-self-asserted-job: true
accept-unproven-time: true
`

/**
 * Starts the agent, builds and describes a small image with as many layers of 64 KiB as asked.
 *
 * @param env variables of every step
 */
export async function startJob(layers = 2, env: Record<string, string> = {}): Promise<Job> {
  const folder = scratch('e2e')
  const source = join(folder, 'source')
  mkdirSync(source)
  const names = Array.from({ length: layers }, (_, i) => `part-${i}`)
  for (const [i, name] of names.entries()) writeFileSync(join(source, name), Buffer.alloc(64 * 1024, i + 1))
  const lines = names.map((name) => `COPY ${name} /${name}`)
  writeFileSync(join(source, 'Containerfile'), ['FROM scratch', ...lines, 'ENTRYPOINT ["/part-0"]', ''].join('\n'))
  const git = ['-c', 'user.name=test', '-c', 'user.email=test@example.org', '-C', source]
  execFileSync('git', [...git, 'init', '--quiet'])
  execFileSync('git', [...git, 'add', '.'])
  execFileSync('git', [...git, 'commit', '--quiet', '--message', 'first'], {
    env: { ...process.env, GIT_AUTHOR_DATE: '2025-01-01T00:00:00Z', GIT_COMMITTER_DATE: '2025-01-01T00:00:00Z' },
  })
  writeFileSync(join(folder, 'policy.yml'), policy)
  const state = join(folder, 'state')
  const run = (...args: string[]): Promise<Record<string, string>> =>
    succeed([...args, '--state', state], { cwd: source, env })
  await run('setup-cvm-runner', '--technology', 'sample')
  const job: Job = {
    folder,
    state,
    policy: join(folder, 'policy.yml'),
    run,
    stop: async () => {
      await run('agent', 'stop')
    },
  }
  try {
    await run('build-reproducible', '--builder', 'embedded', '--rebuilds', '1')
    await run('sbom')
  } catch (error) {
    await job.stop()
    throw error
  }
  return job
}

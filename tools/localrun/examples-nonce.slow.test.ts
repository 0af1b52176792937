import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { checkout } from './checkout.ts'
import { startIssuer } from './oidc.ts'
import { runWorkflow } from './run.ts'
import type { RunResult } from './types.ts'
import { commitAll } from './snapshot.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { claims, policyFor } from './examples-policy.ts'

const workflow = 'examples/verifier-nonce.yml'

/** Our actions and the example, with an application that needs no packages. */
async function repository(edit: (workflow: string) => string): Promise<string> {
  const folder = scratch('nonce')
  await checkout(root, folder)
  const text = readFileSync(join(folder, workflow), 'utf8')
  const prepare = text.split('\n').filter((line) => line.includes('prepare:'))
  expect(prepare).toHaveLength(1)
  const files = {
    [workflow]: edit(text.replace(`${prepare[0] ?? ''}\n`, '')),
    'examples/app/Small': 'FROM scratch\nCOPY server.js /server.js\n',
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  commitAll(folder)
  return folder
}

async function run(edit: (workflow: string) => string = (text) => text): Promise<RunResult & { lines: string[] }> {
  const issuer = await startIssuer()
  const lines: string[] = []
  try {
    const policies = scratch('policies')
    writeFileSync(
      join(policies, 'policy.yml'),
      policyFor(issuer, workflow, {
        build: { context: 'examples/app', file: 'examples/app/Small' },
      }),
    )
    execFileSync('git', ['-C', policies, 'init', '--quiet', '--initial-branch=main'])
    const commit = commitAll(policies)
    // What the repository holds now is not what the run was told to take.
    writeFileSync(join(policies, 'policy.yml'), 'version: 1\n')
    commitAll(policies)
    const folder = scratch('nonce-run')
    const result = await runWorkflow({
      workflow,
      repository: await repository(edit),
      repositories: { 'example/policies': policies },
      directory: join(folder, 'run'),
      event: 'workflow_dispatch',
      inputs: {
        output: `oci:${join(folder, 'app')}:latest`,
        technology: 'sample',
        builder: 'embedded',
        containerfile: 'examples/app/Small',
        'policy-repository': 'example/policies',
        'policy-commit': commit,
      },
      secrets: {},
      env: {},
      claims,
      node: process.execPath,
      issuer,
      show: (line) => lines.push(line),
    })
    return { ...result, lines }
  } finally {
    await issuer.close()
  }
}

interface Verdict {
  reasons: string[]
}

const verdictOf = ({ jobs }: RunResult): Verdict =>
  JSON.parse(readFileSync(jobs['verify']?.outputs['verdict'] ?? '', 'utf8')) as Verdict

test('a hosted job admits what another job has built, over the nonce that a hosted job chose before', async () => {
  const result = await run()
  if (result.result !== 'success') throw new Error(result.lines.slice(-40).join('\n'))
  expect(result.jobs['challenge']?.outputs['nonce']).toMatch(/^[0-9a-f]{64}$/)
  expect(result.jobs['verify']?.outputs['verified']).toBe('true')
}, 120_000)

test.each([
  ['another nonce', (text: string) => text.replace('nonce: verifier:$', 'nonce: verifier:0$')],
  ['the nonce of the token', (text: string) => text.replace(/nonce: verifier:.*/, 'nonce: oidc')],
])(
  'evidence over %s is refused as replayed',
  async (_name, edit) => {
    const result = await run(edit)
    expect(result.result).toBe('failure')
    expect(result.jobs['publish']?.result).toBe('success')
    expect(verdictOf(result).reasons).toEqual(['replayed'])
  },
  120_000,
)

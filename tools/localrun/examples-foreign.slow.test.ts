import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lookalikeLine, makeCaller } from './foreign.ts'
import { startIssuer } from './oidc.ts'
import { runWorkflow } from './run.ts'
import { snapshot } from './snapshot.ts'
import { root } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { claims, policyFor } from './examples-policy.ts'

const workflow = '.github/workflows/publish.yml'
const names = readdirSync(join(root, 'actions'))
let chain: string
let sha: string

beforeAll(async () => {
  chain = scratch('chain')
  sha = await snapshot(root, chain)
})

interface Verdict {
  verified: boolean
  builder: unknown
}

test.each([
  ['has no folder of actions', []],
  ['has a folder of actions with the names of ours', names],
])(
  'publish.yml called from a repository that %s: our actions run, and the gate admits',
  async (_name, lookalikes) => {
    const caller = scratch('caller')
    makeCaller(caller, `example/sealwright/${workflow}@${sha}`, lookalikes)
    const folder = scratch('foreign')
    const issuer = await startIssuer()
    const lines: string[] = []
    try {
      const policy = join(folder, 'policy.yml')
      const called = { workflowRepository: 'example/sealwright', workflowRef: sha, build: { file: 'Containerfile' } }
      writeFileSync(policy, policyFor(issuer, workflow, called))
      const result = await runWorkflow({
        workflow: '.github/workflows/release.yml',
        repository: caller,
        repositories: { 'example/sealwright': chain },
        directory: join(folder, 'run'),
        event: 'workflow_dispatch',
        inputs: { output: `oci:${join(folder, 'app')}:1.0`, policy, 'kbs-url': `embedded:${join(folder, 'kbs')}` },
        secrets: {},
        env: {},
        claims,
        node: process.execPath,
        issuer,
        show: (line) => lines.push(line),
      })
      if (result.result !== 'success') throw new Error(lines.slice(-40).join('\n'))
      expect(result.jobs['app']?.outputs).toMatchObject({
        verified: 'true',
        image: expect.stringMatching(/^oci:.*@sha256:[0-9a-f]{64}$/),
        'vsa-digest': expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      })
      const verdict = JSON.parse(readFileSync(result.jobs['app']?.outputs['verdict'] ?? '', 'utf8')) as Verdict
      expect(verdict.verified).toBe(true)
      // The token names the workflow's repository and commit, not the caller's.
      expect(JSON.stringify(verdict)).toContain(`example/sealwright/${workflow}@${sha}`)
      expect(lines.filter((line) => line.includes(lookalikeLine))).toEqual([])
    } finally {
      await issuer.close()
    }
  },
  120_000,
)

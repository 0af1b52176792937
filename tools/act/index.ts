/**
 * Runs examples/confidential-supply-chain.yml, and publish.yml as called from another repository, through `act` in host mode over a real
 * registry: a runner that we did not write must come to the same verdicts. Needs act and oci-registry (scripts/peers).
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { startRegistry } from '../../testkit/registry.ts'
import { demoPolicy } from '../../testkit/policy.ts'
import { checkout } from '../localrun/checkout.ts'
import { makeCaller } from '../localrun/foreign.ts'
import { startIssuer } from '../localrun/oidc.ts'
import { commitAll, snapshot } from '../localrun/snapshot.ts'
import { renderReleased } from '../release/render.ts'
import { readNodes, shortcomings } from './check.ts'
import { runAct } from './launch.ts'

const root = resolve(import.meta.dirname, '../..')
const publishWorkflow = '.github/workflows/publish.yml'

/** One run: a repository, its workflow, and the file that defines the jobs where that is another one. */
interface Scenario {
  title: string
  repository: string
  workflow: string
  inputs: Record<string, string>
  called?: { repository: string; workflow: string; ref: string }
  local?: Record<string, string>
}

const act = join(root, '.peers/bin/act')
if (!existsSync(act)) throw new Error('act is not there: run scripts/peers')
const registry = await startRegistry('referrers')
const issuer = await startIssuer()
const directory = mkdtempSync(join(tmpdir(), 'sealwright-act-'))
try {
  const done = [await judge(await exampleHere()), await judge(await foreignCaller())]
  process.exitCode = done.includes(false) ? 1 : 0
} finally {
  await registry.close()
  await issuer.close()
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

/** The example in its own repository: `./actions/NAME` is its checkout. */
async function exampleHere(): Promise<Scenario> {
  const repository = join(directory, 'repository')
  mkdirSync(repository)
  await checkout(root, repository)
  const workflow = 'examples/confidential-supply-chain.yml'
  return { title: workflow, repository, workflow, inputs: { technology: 'sample', builder: 'auto' } }
}

/**
 * A repository that calls publish.yml by commit, and has actions of the same names that must not run. act does not know `$/`, so it gets the
 * form that a release renders.
 */
async function foreignCaller(): Promise<Scenario> {
  const ours = 'example/sealwright'
  const chain = join(directory, 'chain')
  const actions = await snapshot(root, chain)
  const file = join(chain, publishWorkflow)
  writeFileSync(file, renderReleased(readFileSync(file, 'utf8'), ours, actions))
  const ref = commitAll(chain)
  const repository = join(directory, 'caller')
  makeCaller(repository, `${ours}/${publishWorkflow}@${ref}`, readdirSync(join(root, 'actions')))
  return {
    title: `${publishWorkflow}, called from another repository`,
    repository,
    workflow: '.github/workflows/release.yml',
    inputs: {},
    called: { repository: ours, workflow: publishWorkflow, ref },
    local: { [`${ours}@${actions}`]: chain, [`${ours}@${ref}`]: chain },
  }
}

/** Runs one scenario; what must hold after it is said line by line. */
async function judge(scenario: Scenario): Promise<boolean> {
  const { title, repository, workflow, called } = scenario
  const scratch = mkdtempSync(join(directory, 'run-'))
  const facts = {
    repository: 'example/app',
    repository_id: '100001',
    repository_owner: 'example',
    ref: 'refs/heads/main',
    event_name: 'workflow_dispatch',
    workflow_ref: `example/app/${workflow}@refs/heads/main`,
    job_workflow_ref: `${called?.repository ?? 'example/app'}/${called?.workflow ?? workflow}@${called?.ref ?? 'refs/heads/main'}`,
    runner_environment: 'self-hosted',
    run_id: '1',
    run_attempt: '1',
    sha: head(repository),
  }
  const policy = join(scratch, 'policy.yml')
  writeFileSync(
    policy,
    demoPolicy({
      technology: 'sample',
      issuer: issuer.url,
      jwks: issuer.jwks,
      repository: facts.repository,
      repositoryId: facts.repository_id,
      workflow: called?.workflow ?? workflow,
      ...(called === undefined
        ? {}
        : { workflowRepository: called.repository, workflowRef: called.ref, build: { file: 'Containerfile' } }),
      ref: facts.ref,
      event: facts.event_name,
    }),
  )
  const nodes = join(scratch, 'nodes.txt')
  const { exitCode, outputs } = await runAct({
    act,
    cwd: repository,
    directory: scratch,
    workflow,
    nodes,
    inputs: {
      ...scenario.inputs,
      output: `${registry.host}/act/${called === undefined ? 'app' : 'called'}:latest`,
      'kbs-url': `embedded:${join(scratch, 'kbs')}`,
      policy,
    },
    env: {
      ...issuer.forRun(facts),
      // act leaves these out.
      GITHUB_WORKFLOW_REF: facts.workflow_ref,
      GITHUB_REPOSITORY_ID: facts.repository_id,
      RUNNER_ENVIRONMENT: facts.runner_environment,
      RUNNER_NAME: 'act',
    },
    ...(scenario.local === undefined ? {} : { local: scenario.local }),
  })
  const seen = readNodes(nodes)
  const wrong = exitCode === 0 ? shortcomings(outputs, seen) : [`act ended with ${exitCode}`]
  for (const line of wrong) console.error(`act: ${title}: ${line}`)
  if (wrong.length > 0) return false
  const versions = [...new Set(seen.map((line) => line.split(' ')[0]))].join(', ')
  console.log(
    `act: ${title}: verified=true by a gate with an agent of its own; ${seen.length} actions of dist/ ran under Node ${versions}`,
  )
  return true
}

/** Gives the copy the `origin` that act asks for: a copy of a clone may have none that it can read. */
function head(repository: string): string {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim()
  const origin = git('remote').split('\n').includes('origin') ? 'set-url' : 'add'
  git('remote', origin, 'origin', 'https://github.com/example/app.git')
  return git('rev-parse', 'HEAD')
}

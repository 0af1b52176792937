/**
 * Runs examples/confidential-supply-chain.yml through `act` in host mode over a real registry: a runner that we did not write must come to
 * the same verdict. Needs act and oci-registry (scripts/peers).
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { checkout } from '../localrun/checkout.ts'
import { startIssuer } from '../localrun/oidc.ts'
import { demoPolicy } from '../demo/policy.ts'

const root = resolve(import.meta.dirname, '../..')
const workflow = 'examples/confidential-supply-chain.yml'
const peers = join(root, '.peers/bin')

function needed(name: string): string {
  const path = join(peers, name)
  if (!existsSync(path)) throw new Error(`${name} is not there: run scripts/peers`)
  return path
}

/** Starts the registry on a free port; its first line names the address. */
function startRegistry(): Promise<{ host: string; process: ChildProcess }> {
  return new Promise((done, reject) => {
    const child = spawn(needed('oci-registry'), ['-addr', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.once('error', reject)
    child.once('exit', () => reject(new Error('the registry ended')))
    const look = (text: Buffer): void => {
      const found = /127\.0\.0\.1:\d+/.exec(text.toString())
      if (found !== null) done({ host: found[0], process: child })
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
  })
}

const directory = mkdtempSync(join(tmpdir(), 'sealwright-act-'))
const issuer = await startIssuer()
const registry = await startRegistry()
try {
  const repository = join(directory, 'repository')
  mkdirSync(repository)
  await checkout(root, repository)
  // act reads workflows, and names them in GITHUB_WORKFLOW_REF, only below .github/workflows or by -W; an origin must exist.
  const facts = {
    repository: 'example/app',
    repository_id: '100001',
    repository_owner: 'example',
    ref: 'refs/heads/main',
    event_name: 'workflow_dispatch',
    workflow_ref: `example/app/${workflow}@refs/heads/main`,
    job_workflow_ref: `example/app/${workflow}@refs/heads/main`,
    runner_environment: 'self-hosted',
    run_id: '1',
    run_attempt: '1',
    server_url: 'https://github.com',
    sha: await head(repository),
  }
  const policy = join(directory, 'policy.yml')
  writeFileSync(
    policy,
    demoPolicy({
      issuer: issuer.url,
      jwks: issuer.jwks,
      repository: facts.repository,
      repositoryId: facts.repository_id,
      workflow,
      ref: facts.ref,
      event: facts.event_name,
    }),
  )
  const inputs = {
    output: `${registry.host}/act/app:latest`,
    technology: 'sample',
    builder: 'auto',
    'kbs-url': `embedded:${join(directory, 'kbs')}`,
    policy,
  }
  const env = {
    ...issuer.forJob(facts),
    GITHUB_WORKFLOW_REF: facts.workflow_ref,
    GITHUB_REPOSITORY_ID: facts.repository_id,
    RUNNER_ENVIRONMENT: 'self-hosted',
    RUNNER_NAME: 'act',
  }
  const args = [
    'workflow_dispatch',
    ...['-W', workflow, '-P', 'self-hosted=-self-hosted', '--no-cache-server', '--rm'],
    ...Object.entries(inputs).flatMap(([name, value]) => ['--input', `${name}=${value}`]),
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ]
  process.exitCode = await run(needed('act'), args, repository)
} finally {
  registry.process.removeAllListeners('exit')
  registry.process.kill()
  await issuer.close()
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

async function head(repository: string): Promise<string> {
  const { execFileSync } = await import('node:child_process')
  const git = (...args: string[]): string => execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim()
  // act asks for a remote; a copy of a clone may have none that it can read.
  if (!git('remote').split('\n').includes('origin')) git('remote', 'add', 'origin', 'https://github.com/example/app.git')
  else git('remote', 'set-url', 'origin', 'https://github.com/example/app.git')
  return git('rev-parse', 'HEAD')
}

function run(command: string, args: readonly string[], cwd: string): Promise<number> {
  const home = join(directory, 'home')
  mkdirSync(join(home, '.config/act'), { recursive: true })
  // An empty configuration keeps act from asking which image to take.
  writeFileSync(join(home, '.config/act/actrc'), '')
  return new Promise((done, reject) => {
    const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
    const child = spawn(command, args, {
      cwd,
      env: { PATH: path, HOME: home, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.once('error', reject)
    child.once('close', (code) => done(code ?? 1))
  })
}

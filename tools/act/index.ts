/**
 * Runs examples/confidential-supply-chain.yml through `act` in host mode over a real registry: a runner that we did not write must come to
 * the same verdict. Needs act and oci-registry (scripts/peers).
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { startRegistry } from '../../testkit/registry.ts'
import { checkout } from '../localrun/checkout.ts'
import { startIssuer, type Issuer } from '../localrun/oidc.ts'
import { demoPolicy } from '../../testkit/policy.ts'
import { readNodes, shortcomings } from './check.ts'
import { readLine, type Output } from './events.ts'

const root = resolve(import.meta.dirname, '../..')
const workflow = 'examples/confidential-supply-chain.yml'

/** What reaching the npm registry may need on this machine; steps see nothing else of our environment. */
const network = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
]

const act = join(root, '.peers/bin/act')
if (!existsSync(act)) throw new Error('act is not there: run scripts/peers')
const registry = await startRegistry('referrers')
const issuer = await startIssuer()
const directory = mkdtempSync(join(tmpdir(), 'sealwright-act-'))
try {
  const repository = join(directory, 'repository')
  mkdirSync(repository)
  await checkout(root, repository)
  const witness = join(directory, 'nodes.txt')
  const { exitCode, outputs } = await runAct(argumentsFor(repository, witness), repository)
  const nodes = readNodes(witness)
  const wrong = exitCode === 0 ? shortcomings(outputs, nodes) : [`act ended with ${exitCode}`]
  for (const line of wrong) console.error(`act: ${line}`)
  if (wrong.length === 0) {
    const versions = [...new Set(nodes.map((line) => line.split(' ')[0]))].join(', ')
    console.log(
      `act: verified=true by a gate with an agent of its own; ${nodes.length} actions of dist/ ran under Node ${versions}`,
    )
  }
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  await registry.close()
  await issuer.close()
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

/** Everything that act is told; the claims of the job's token, the policy and the variables that act leaves out agree. */
function argumentsFor(repository: string, nodes: string): string[] {
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
    sha: head(repository),
  }
  const inputs = {
    output: `${registry.host}/act/app:latest`,
    technology: 'sample',
    builder: 'auto',
    'kbs-url': `embedded:${join(directory, 'kbs')}`,
    policy: writePolicy(issuer, facts),
  }
  const env = {
    ...issuer.forJob(facts),
    GITHUB_WORKFLOW_REF: facts.workflow_ref,
    GITHUB_REPOSITORY_ID: facts.repository_id,
    RUNNER_ENVIRONMENT: facts.runner_environment,
    RUNNER_NAME: 'act',
    NODE_OPTIONS: `--import=${writeWitness(nodes)}`,
    ...Object.fromEntries(network.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
  }
  return [
    'workflow_dispatch',
    ...['-W', workflow, '-P', 'self-hosted=-self-hosted', '--no-cache-server', '--rm', '--json'],
    ...Object.entries(inputs).flatMap(([name, value]) => ['--input', `${name}=${value}`]),
    ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ]
}

function writePolicy(by: Issuer, facts: Record<'repository' | 'repository_id' | 'ref' | 'event_name', string>): string {
  const path = join(directory, 'policy.yml')
  const { repository, repository_id: repositoryId, ref, event_name: event } = facts
  writeFileSync(
    path,
    demoPolicy({ technology: 'sample', issuer: by.url, jwks: by.jwks, repository, repositoryId, workflow, ref, event }),
  )
  return path
}

/** A module that every Node process of the steps loads first: it writes down the version and the program. */
function writeWitness(nodes: string): string {
  const path = join(directory, 'witness.mjs')
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs'\nappendFileSync(${JSON.stringify(nodes)}, \`\${process.version} \${process.argv[1]}\\n\`)\n`,
  )
  return path
}

/** Gives the copy the `origin` that act asks for: a copy of a clone may have none that it can read. */
function head(repository: string): string {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', repository, ...args], { encoding: 'utf8' }).trim()
  const origin = git('remote').split('\n').includes('origin') ? 'set-url' : 'add'
  git('remote', origin, 'origin', 'https://github.com/example/app.git')
  return git('rev-parse', 'HEAD')
}

function runAct(args: readonly string[], cwd: string): Promise<{ exitCode: number; outputs: Output[] }> {
  const home = join(directory, 'home')
  mkdirSync(join(home, '.config/act'), { recursive: true })
  // An empty configuration keeps act from asking which image to take.
  writeFileSync(join(home, '.config/act/actrc'), '')
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
  const outputs: Output[] = []
  return new Promise((done, reject) => {
    const env = { PATH: path, HOME: home, LANG: 'C.UTF-8' }
    const child = spawn(act, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const look = (line: string): void => {
      const { text, output } = readLine(line)
      console.log(text)
      if (output !== null) outputs.push(output)
    }
    createInterface({ input: child.stdout }).on('line', look)
    createInterface({ input: child.stderr }).on('line', look)
    child.once('error', reject)
    child.once('close', (code) => done({ exitCode: code ?? 1, outputs }))
  })
}

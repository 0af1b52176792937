import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { readLine, type Output } from './events.ts'

/** What reaching the npm registry may need on this machine; steps see nothing else of our environment. */
const network = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'],
  ...['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'],
]

export interface ActRun {
  /** The program. */
  act: string
  /** Repository of the workflow. */
  cwd: string
  /** Scratch folder. */
  directory: string
  workflow: string
  inputs: Record<string, string>
  env: Record<string, string>
  /** `OWNER/REPO@REF` of what `uses:` names, each a folder. */
  local?: Record<string, string>
  /** A file that gets one `VERSION PROGRAM` line for each Node process. */
  nodes: string
}

/** Runs a workflow with `act` in host mode, shows its log, and collects what steps put out. */
export function runAct(run: ActRun): Promise<{ exitCode: number; outputs: Output[] }> {
  const home = join(run.directory, 'home')
  mkdirSync(join(home, '.config/act'), { recursive: true })
  // An empty configuration keeps act from asking which image to take.
  writeFileSync(join(home, '.config/act/actrc'), '')
  const env = {
    ...run.env,
    NODE_OPTIONS: `--import=${writeWitness(run)}`,
    ...Object.fromEntries(network.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
  }
  const pairs = (option: string, values: Record<string, string>): string[] =>
    Object.entries(values).flatMap(([name, value]) => [option, `${name}=${value}`])
  const args = [
    'workflow_dispatch',
    ...['-W', run.workflow, '-P', 'self-hosted=-self-hosted', '--no-cache-server', '--rm', '--json'],
    ...pairs('--input', run.inputs),
    ...pairs('--env', env),
    ...pairs('--local-repository', run.local ?? {}),
  ]
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
  const outputs: Output[] = []
  return new Promise((done, reject) => {
    const child = spawn(run.act, args, {
      cwd: run.cwd,
      env: { PATH: path, HOME: home, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
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

/** A module that every Node process of the steps loads first: it writes down the version and the program. */
function writeWitness({ directory, nodes }: ActRun): string {
  const path = join(directory, 'witness.mjs')
  writeFileSync(
    path,
    `import { appendFileSync } from 'node:fs'\nappendFileSync(${JSON.stringify(nodes)}, \`\${process.version} \${process.argv[1]}\\n\`)\n`,
  )
  return path
}

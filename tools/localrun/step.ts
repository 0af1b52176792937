import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseCommand, parseFileCommands, type Masks } from './commands.ts'

/** What one process of a step gets. */
export interface Launch {
  command: string
  args: string[]
  cwd: string
  env: Record<string, string>
}

/** What a process of a step left behind. */
export interface StepEffects {
  exitCode: number
  outputs: [string, string][]
  env: [string, string][]
  paths: string[]
  state: [string, string][]
  summary: string
}

const fileCommands = ['OUTPUT', 'ENV', 'PATH', 'STATE', 'STEP_SUMMARY', 'ARTIFACTS'] as const
const shells: Readonly<Record<string, (script: string) => [string, string[]]>> = {
  bash: (script) => ['bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', script]],
  sh: (script) => ['sh', ['-e', script]],
}

/** The process of a `run` step. Without a shell named, GitHub takes `bash -e`. */
export function scriptLaunch(text: string, shell: string | undefined, temp: string): [string, string[]] {
  const script = join(mkdtempSync(join(temp, 'script-')), 'script.sh')
  writeFileSync(script, `${text}\n`)
  if (shell === undefined) return ['bash', ['-e', script]]
  const make = shells[shell]
  if (make === undefined) throw new Error(`this runner knows the shells bash and sh, not ${shell}`)
  return make(script)
}

/** Runs one process with fresh command files, shows its output masked, and reads what it wrote. */
export async function runProcess(
  launch: Launch,
  temp: string,
  masks: Masks,
  show: (line: string) => void,
): Promise<StepEffects> {
  const folder = mkdtempSync(join(temp, 'commands-'))
  const files: Record<string, string> = {}
  for (const name of fileCommands) {
    files[`GITHUB_${name}`] = join(folder, name.toLowerCase())
    writeFileSync(join(folder, name.toLowerCase()), '')
  }
  const exitCode = await execute({ ...launch, env: { ...launch.env, ...files } }, masks, show)
  const read = (name: string): [string, string][] => parseFileCommands(join(folder, name))
  const env = read('env')
  if (env.some(([key]) => key === 'NODE_OPTIONS')) throw new Error('NODE_OPTIONS cannot be set through GITHUB_ENV')
  return {
    exitCode,
    outputs: read('output'),
    env,
    state: read('state'),
    paths: readFileSync(join(folder, 'path'), 'utf8')
      .split(/\r?\n/)
      .filter((line) => line !== ''),
    summary: readFileSync(join(folder, 'step_summary'), 'utf8'),
  }
}

function execute(launch: Launch, masks: Masks, show: (line: string) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(launch.command, launch.args, {
      cwd: launch.cwd,
      env: launch.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.once('error', reject)
    let stopToken: string | null = null
    createInterface({ input: child.stdout }).on('line', (line) => {
      const command = parseCommand(line)
      if (command === null) return show(masks.apply(line))
      if (stopToken !== null) {
        if (command.name === stopToken) stopToken = null
        return show(masks.apply(line))
      }
      if (command.name === 'add-mask') masks.add(command.data)
      else if (command.name === 'stop-commands') stopToken = command.data
      else if (command.name === 'group') show(masks.apply(command.data))
      else if (['error', 'warning', 'notice'].includes(command.name))
        show(masks.apply(`${command.name}: ${command.data}`))
    })
    createInterface({ input: child.stderr }).on('line', (line) => show(masks.apply(line)))
    // A detached grandchild (our agent) may hold the pipes open: the step is over when its process is.
    child.once('exit', (code) => setTimeout(() => resolve(code ?? 1), 50))
  })
}

/** PATH with what GITHUB_PATH added, newest first. */
export function withPaths(path: string, added: readonly string[]): string {
  return [...added.toReversed(), path].join(delimiter)
}

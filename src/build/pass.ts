import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { copyContext, type ContextCopy } from './context/copy.ts'
import { cleanEnvironment, runPrepare, stepEnvironment, type Surroundings } from './context/prepare.ts'
import { settleContext } from './context/settle.ts'
import type { IgnoreRules } from './ignore.ts'
import type { Sandbox } from './sandbox/open.ts'

/** Each pass differs in what must not matter: where it works, how much at once, under which umask and time zone. */
export function surroundingsOf(pass: number): Surroundings & { folder: string } {
  const first = pass === 1
  return {
    folder: first ? 'first' : `rebuild-${pass - 1}-in-another-folder`,
    umask: first ? '022' : '077',
    timezone: first ? 'UTC' : 'Pacific/Chatham',
    jobs: first ? 4 : 1,
  }
}

export interface ContextOptions {
  context: string
  rules: IgnoreRules
  exclude: readonly string[]
  blobHash: 'sha1' | 'sha256' | null
  /** The command, and the sandbox that it runs in. */
  prepare: { command: string; sandbox: Sandbox } | null
  epoch: number
}

export interface PassContext {
  /** What was read, before `prepare`. */
  copy: ContextCopy
  /** Folder of the settled copy. */
  folder: string
  preparedFiles: number
  env: Record<string, string>
}

/** Copies the context for one pass, runs `prepare` in it and settles modes and times. */
export async function makeContext(
  workdir: string,
  options: ContextOptions,
  around: Surroundings & { folder: string },
  ports: Ports,
): Promise<PassContext> {
  const folder = join(workdir, 'context')
  await mkdir(folder, { recursive: true })
  const { context: from, rules, exclude, blobHash, epoch } = options
  const concurrency = around.jobs * 4
  const copy = await copyContext({ from, to: folder, rules, exclude, blobHash, concurrency, log: ports.log })
  const env = await cleanEnvironment(ports, workdir, epoch, around)
  if (options.prepare !== null) {
    const { command, sandbox } = options.prepare
    ports.log.info(`preparing: ${command}`)
    const folders = { name: around.folder, context: folder, home: join(workdir, 'home'), temp: join(workdir, 'tmp') }
    await runPrepare(command, folders, stepEnvironment(epoch, around), around, sandbox, ports)
  }
  const before = new Set(copy.files.map((file) => file.path))
  const after = await settleContext(folder, epoch)
  return { copy, folder, preparedFiles: after.filter((path) => !before.has(path)).length, env }
}

/** A context that changes between the passes would make the comparison worthless. */
export function requireSameContext(first: ContextCopy, second: ContextCopy): void {
  if (first.digest === second.digest) return
  const old = new Map(first.files.map((file) => [file.path, file]))
  const changed = second.files.find((file) => {
    const was = old.get(file.path)
    return was === undefined || was.sha256 !== file.sha256 || was.mode !== file.mode
  })
  throw new VerificationError('source-mismatch', 'the context changed while it was being built', {
    subject: changed?.path ?? 'context',
    remedy:
      'Let nothing write into the context during the build; put outputs elsewhere or name them in .containerignore.',
  })
}

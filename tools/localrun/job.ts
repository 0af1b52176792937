import { cpSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { checkout } from './checkout.ts'
import type { Masks } from './commands.ts'
import { condition, interpolate, type Contexts, type Status } from './expressions.ts'
import { inside, parseUses, type Source, type Sources } from './sources.ts'
import { runProcess, scriptLaunch, withPaths, type StepEffects } from './step.ts'
import { readAction, type ActionFile, type Step } from './workflow.ts'

export interface JobSetup {
  id: string
  steps: Step[]
  /** Folder of the caller's repository, which `actions/checkout` copies. */
  repository: string
  /** Repository and commit of the workflow file that defines the job. */
  source: Source
  sources: Sources
  workspace: string
  temp: string
  /** `node` that runs JavaScript actions. */
  node: string
  env: Record<string, string>
  contexts: Contexts
  masks: Masks
  show: (line: string) => void
}

export interface JobResult {
  result: 'success' | 'failure'
  steps: Record<string, StepRecord>
  summary: string
}

export interface StepRecord {
  outputs: Record<string, string>
  outcome: string
  conclusion: string
}

interface Scope {
  inputs: Record<string, unknown>
  steps: Record<string, StepRecord>
  status: Status
  /** GITHUB_ACTION_PATH of a composite action. */
  actionPath: string | null
  /** What `$/` means here; null inside an action of the workspace, which belongs to no commit. */
  source: Source | null
}

interface Post {
  title: string
  main: string
  if: string | undefined
  env: Record<string, string>
}

/** Runs the steps of one job in order, then the post steps in reverse. */
export async function runJob(setup: JobSetup): Promise<JobResult> {
  mkdirSync(setup.workspace, { recursive: true })
  mkdirSync(setup.temp, { recursive: true })
  return new JobRun(setup).run()
}

class JobRun {
  private readonly setup: JobSetup
  private readonly added: { env: Record<string, string>; paths: string[] } = { env: {}, paths: [] }
  private readonly posts: Post[] = []
  private summary = ''

  constructor(setup: JobSetup) {
    this.setup = setup
  }

  async run(): Promise<JobResult> {
    const inputs = (this.setup.contexts['inputs'] ?? {}) as Record<string, unknown>
    const scope: Scope = {
      inputs,
      steps: {},
      status: { failed: false, cancelled: false },
      actionPath: null,
      source: this.setup.source,
    }
    await this.runSteps(this.setup.steps, scope, '')
    for (const post of this.posts.toReversed()) {
      if (!condition(post.if ?? 'always()', this.contexts(scope), scope.status)) continue
      this.setup.show(`Post ${post.title}`)
      const effects = await this.launch(this.setup.node, [post.main], post.env)
      if (effects.exitCode !== 0) scope.status.failed = true
    }
    return { result: scope.status.failed ? 'failure' : 'success', steps: scope.steps, summary: this.summary }
  }

  private async runSteps(steps: readonly Step[], scope: Scope, prefix: string): Promise<void> {
    for (const [index, step] of steps.entries()) {
      const id = step.id ?? `__step_${index}`
      const contexts = this.contexts(scope, step.env)
      if (!condition(step.if, contexts, scope.status)) {
        scope.steps[id] = { outputs: {}, outcome: 'skipped', conclusion: 'skipped' }
        continue
      }
      const title = interpolate(step.name ?? step.uses ?? 'run', contexts, scope.status)
      this.setup.show(`${prefix}▸ ${title}`)
      let outputs: Record<string, string> = {}
      let ok = false
      try {
        const done = await this.runStep(step, title, scope, contexts, prefix)
        outputs = done.outputs
        ok = done.ok
      } catch (error) {
        this.setup.show(`error: ${error instanceof Error ? error.message : String(error)}`)
      }
      const tolerated = !ok && interpolate(step['continue-on-error'] ?? 'false', contexts, scope.status) === 'true'
      if (!ok && !tolerated) scope.status.failed = true
      scope.steps[id] = {
        outputs,
        outcome: ok ? 'success' : 'failure',
        conclusion: ok || tolerated ? 'success' : 'failure',
      }
    }
  }

  private async runStep(
    step: Step,
    title: string,
    scope: Scope,
    contexts: Contexts,
    prefix: string,
  ): Promise<{ outputs: Record<string, string>; ok: boolean }> {
    const stepEnv = this.interpolated(step.env, contexts, scope.status)
    if (step.run !== undefined) {
      const text = interpolate(step.run, contexts, scope.status)
      const [command, args] = scriptLaunch(text, step.shell, this.setup.temp)
      const where = interpolate(step['working-directory'] ?? '', contexts, scope.status)
      const extra = scope.actionPath === null ? {} : { GITHUB_ACTION_PATH: scope.actionPath }
      const effects = await this.launch(command, args, { ...stepEnv, ...extra }, where)
      return { outputs: Object.fromEntries(effects.outputs), ok: effects.exitCode === 0 }
    }
    const given = this.interpolated(step.with, contexts, scope.status)
    const uses = step.uses ?? ''
    if (/^actions\/checkout@/.test(uses)) {
      await this.checkout(given)
      return { outputs: {}, ok: true }
    }
    const { directory, source } = await this.locate(uses, scope)
    const action = readAction(directory)
    const inputs = this.actionInputs(action, given, contexts, scope.status)
    if (action.runs.using === 'composite') {
      const inner: Scope = {
        inputs,
        steps: {},
        status: { failed: false, cancelled: scope.status.cancelled },
        actionPath: directory,
        source,
      }
      return this.composite(action, inner, prefix)
    }
    return this.javascript(action, directory, title, { ...stepEnv, ...inputEnv(inputs) })
  }

  /** The caller's repository with its files as they are, or another one at a commit, without its `.git`. */
  private async checkout(given: Record<string, string>): Promise<void> {
    const target = resolve(this.setup.workspace, given['path'] ?? '.')
    const { repository = '', ref = '' } = given
    if (repository === '') return checkout(this.setup.repository, target)
    const source = this.setup.sources.remote(repository, ref === '' ? 'HEAD' : ref)
    cpSync(await source.folder(), target, { recursive: true, verbatimSymlinks: true })
  }

  /** Folder of an action: `./` is the workspace, `$/` the repository and commit of the file in which the step stands. */
  private async locate(uses: string, scope: Scope): Promise<{ directory: string; source: Source | null }> {
    const parsed = parseUses(uses)
    if (parsed.kind === 'local') return { directory: resolve(this.setup.workspace, parsed.path), source: null }
    const source = parsed.kind === 'self' ? scope.source : this.setup.sources.remote(parsed.repository, parsed.ref)
    if (source === null) throw new Error(`"${uses}" in an action of the workspace: it belongs to no commit`)
    return { directory: await inside(source, parsed.path), source }
  }

  private async javascript(
    action: ActionFile,
    directory: string,
    title: string,
    env: Record<string, string>,
  ): Promise<{ outputs: Record<string, string>; ok: boolean }> {
    const effects = await this.launch(this.setup.node, [join(directory, action.runs.main ?? '')], env)
    if (action.runs.post !== undefined) {
      const state = Object.fromEntries(effects.state.map(([key, value]) => [`STATE_${key}`, value]))
      this.posts.push({
        title,
        main: join(directory, action.runs.post),
        if: action.runs['post-if'],
        env: { ...env, ...state },
      })
    }
    return { outputs: Object.fromEntries(effects.outputs), ok: effects.exitCode === 0 }
  }

  private async composite(
    action: ActionFile,
    scope: Scope,
    prefix: string,
  ): Promise<{ outputs: Record<string, string>; ok: boolean }> {
    for (const step of action.runs.steps ?? []) {
      if (step.run !== undefined && step.shell === undefined) throw new Error('a composite step with run needs a shell')
    }
    await this.runSteps(action.runs.steps ?? [], scope, `${prefix}  `)
    const contexts = this.contexts(scope)
    const outputs = Object.entries(action.outputs ?? {}).map(([name, output]) => [
      name,
      interpolate(output.value, contexts, { failed: false, cancelled: false }),
    ])
    return { outputs: Object.fromEntries(outputs) as Record<string, string>, ok: !scope.status.failed }
  }

  private async launch(
    command: string,
    args: string[],
    env: Record<string, string>,
    directory = '',
  ): Promise<StepEffects> {
    const { setup, added } = this
    const full = { ...setup.env, ...added.env, ...env }
    full['PATH'] = withPaths(full['PATH'] ?? '', added.paths)
    const launch = { command, args, env: full, cwd: resolve(setup.workspace, directory) }
    const effects = await runProcess(launch, setup.temp, setup.masks, setup.show)
    Object.assign(added.env, Object.fromEntries(effects.env))
    added.paths.push(...effects.paths)
    this.summary += effects.summary
    return effects
  }

  private actionInputs(
    action: ActionFile,
    given: Record<string, string>,
    contexts: Contexts,
    status: Status,
  ): Record<string, string> {
    for (const name of Object.keys(given)) {
      if (action.inputs?.[name] === undefined) this.setup.show(`warning: unexpected input "${name}"`)
    }
    const all = Object.entries(action.inputs ?? {}).map(([name, input]) => [
      name,
      given[name] ?? interpolate(input.default, contexts, status),
    ])
    return Object.fromEntries(all) as Record<string, string>
  }

  private contexts(scope: Scope, stepEnv?: Record<string, unknown>): Contexts {
    const env = { ...(this.setup.contexts['env'] as object), ...this.added.env, ...stepEnv }
    const github = { ...(this.setup.contexts['github'] as object), action_path: scope.actionPath ?? '' }
    const job = { status: scope.status.failed ? 'failure' : 'success' }
    return { ...this.setup.contexts, github, env, inputs: scope.inputs, steps: scope.steps, job }
  }

  private interpolated(
    values: Record<string, unknown> | undefined,
    contexts: Contexts,
    status: Status,
  ): Record<string, string> {
    return Object.fromEntries(Object.entries(values ?? {}).map(([key, v]) => [key, interpolate(v, contexts, status)]))
  }
}

/** `INPUT_` variables: upper case, blanks to underscores, hyphens kept. */
function inputEnv(inputs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`, value]),
  )
}

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { InputError } from '../../src/base/errors.ts'

export interface Step {
  id?: string
  name?: string
  if?: unknown
  uses?: string
  run?: string
  shell?: string
  with?: Record<string, unknown>
  env?: Record<string, unknown>
  'working-directory'?: string
  'continue-on-error'?: unknown
}

export interface Job {
  name?: string
  needs?: string | string[]
  if?: unknown
  steps?: Step[]
  uses?: string
  with?: Record<string, unknown>
  secrets?: 'inherit' | Record<string, unknown>
  outputs?: Record<string, unknown>
  env?: Record<string, unknown>
}

export interface WorkflowInput {
  default?: unknown
  required?: boolean
  type?: string
}

export interface Workflow {
  name?: string
  on: Record<string, { inputs?: Record<string, WorkflowInput>; outputs?: Record<string, { value: string }> } | null>
  env?: Record<string, unknown>
  jobs: Record<string, Job>
}

export interface ActionFile {
  inputs?: Record<string, { default?: unknown; required?: boolean }>
  outputs?: Record<string, { value?: string }>
  runs: { using: string; main?: string; post?: string; 'post-if'?: string; steps?: Step[] }
}

/** Keys that are understood, or that change nothing on one machine. What is not listed is refused instead of being ignored. */
const known = {
  workflow: ['name', 'run-name', 'on', 'env', 'jobs', 'permissions', 'concurrency'],
  job: [
    'name',
    'needs',
    'if',
    'steps',
    'uses',
    'with',
    'secrets',
    'outputs',
    'env',
    'runs-on',
    'permissions',
    'timeout-minutes',
  ],
  step: [
    'id',
    'name',
    'if',
    'uses',
    'run',
    'shell',
    'with',
    'env',
    'working-directory',
    'continue-on-error',
    'timeout-minutes',
  ],
  action: ['name', 'description', 'author', 'branding', 'inputs', 'outputs', 'runs'],
  runs: ['using', 'main', 'post', 'post-if', 'steps'],
} as const

export function readWorkflow(path: string): Workflow {
  if (!existsSync(path)) {
    throw new InputError('file-missing', `there is no workflow file "${path}"`, {
      subject: 'workflow',
      remedy: 'Name a file of this repository by its path from the top, such as examples/one-step.yml.',
    })
  }
  const workflow = parse(readFileSync(path, 'utf8')) as Workflow & { on: unknown }
  checkKeys(path, workflow, known.workflow)
  const on = workflow.on
  workflow.on =
    typeof on === 'string' ? { [on]: null } : Array.isArray(on) ? Object.fromEntries(on.map((e) => [e, null])) : on
  for (const [id, job] of Object.entries(workflow.jobs ?? {})) {
    checkKeys(`${path}: job ${id}`, job, known.job)
    for (const step of job.steps ?? [])
      checkKeys(`${path}: job ${id}: step ${step.id ?? step.name ?? ''}`, step, known.step)
  }
  return workflow
}

/** Reads `action.yml` of a folder. Only `node24` and `composite` run here. */
export function readAction(directory: string): ActionFile {
  const path = ['action.yml', 'action.yaml'].map((name) => join(directory, name)).find((p) => existsSync(p))
  if (path === undefined) throw new Error(`${directory} holds no action.yml`)
  const action = parse(readFileSync(path, 'utf8')) as ActionFile
  checkKeys(path, action, known.action)
  checkKeys(`${path}: runs`, action.runs, known.runs)
  if (action.runs.using !== 'node24' && action.runs.using !== 'composite') {
    throw new Error(`${path}: this runner knows node24 and composite, not ${action.runs.using}`)
  }
  for (const step of action.runs.steps ?? []) checkKeys(`${path}: step`, step, known.step)
  return action
}

function checkKeys(where: string, value: object, allowed: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (!allowed.includes(key)) throw new Error(`${where}: this runner does not know "${key}"`)
  }
}

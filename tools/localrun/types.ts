import type { Issuer } from './oidc.ts'

export interface RunOptions {
  /** Workflow file, inside the repository. */
  workflow: string
  repository: string
  /** Folder of each other OWNER/REPO that `uses:` may name, at a commit. */
  repositories?: Record<string, string>
  /** Scratch folder: one workspace and one temp for each job. */
  directory: string
  event: string
  inputs: Record<string, string>
  secrets: Record<string, string>
  env: Record<string, string>
  /** Claims and `github.*` values of the run, over the defaults. */
  claims?: Record<string, string>
  node: string
  show: (line: string) => void
  /** Started by the caller when its keys are needed before the run. */
  issuer?: Issuer
  /** The machine that a job runs on, where it is not just this one: variables of its own, as a runner's admin sets them. */
  machine?: (job: string) => Promise<JobMachine>
}

export interface JobMachine {
  env: Record<string, string>
  end(): Promise<void>
}

export interface RunResult {
  result: 'success' | 'failure'
  jobs: Record<string, { result: string; outputs: Record<string, string>; summary: string }>
  outputs: Record<string, string>
}

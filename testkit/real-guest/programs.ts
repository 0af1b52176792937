import { execFileSync } from 'node:child_process'

/** Programs of Trustee and guest-components that the environment names. None of them comes with the project. */
export interface LivePrograms {
  /** Trustee's `kbs` with the built-in Attestation Service. */
  readonly kbs: string
  /** `ttrpc-aa` with the sample attester. */
  readonly agent: string
  /** `ttrpc-cdh`, whose image client is image-rs. */
  readonly hub: string
  /** `ttrpc-cdh-tool`. */
  readonly tool: string
}

const variables: Readonly<Record<keyof LivePrograms, string>> = {
  kbs: 'SEALWRIGHT_LIVE_KBS',
  agent: 'SEALWRIGHT_LIVE_AA',
  hub: 'SEALWRIGHT_LIVE_CDH',
  tool: 'SEALWRIGHT_LIVE_CDH_TOOL',
}

/** @throws Error where a variable is not set */
export function livePrograms(env: Readonly<Record<string, string | undefined>> = process.env): LivePrograms {
  const path = (name: keyof LivePrograms): string => {
    const value = env[variables[name]]
    if (value === undefined || value === '') throw new Error(`${variables[name]} names no program: give its path`)
    return value
  }
  return { kbs: path('kbs'), agent: path('agent'), hub: path('hub'), tool: path('tool') }
}

/** Release and commit that a guest program says it was built from, such as `v0.21.0-8246e5e0`. */
export function versionOf(program: string): string {
  const said = execFileSync(program, ['--version'], { encoding: 'utf8' })
  return /v\d[^\s]*/.exec(said)?.[0] ?? 'of unknown version'
}

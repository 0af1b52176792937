import { parseArgs } from 'node:util'
import { InputError } from '../../src/base/errors.ts'

export interface BootOptions {
  /** Seconds for one machine. */
  timeout: number
  /** MiB. */
  memory: number
  kvm: boolean
}

export const defaults = { timeout: 900, memory: 2048 } as const

export const usage = `Usage: npm run measured-boot -- [options]

Builds the runner's guest image (images/runner), predicts its PCRs, boots it in an emulated machine with a software TPM, and compares.
Needs qemu-system-x86_64, swtpm and the packages of scripts/peers, and dist/ (npm run dist).

  --timeout SECONDS   end the machine after this time (default: ${defaults.timeout})
  --memory MIB        memory of the machine (default: ${defaults.memory})
  --kvm               run it on the processor by KVM (/dev/kvm) instead of emulating one: much faster (not tried in this project yet)
`

/** Options of every tool that boots the guest, as `parseArgs` takes them. */
export const bootArguments = {
  timeout: { type: 'string' },
  memory: { type: 'string' },
  kvm: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** Null for --help. @throws InputError `input-invalid` */
export function readOptions(args: readonly string[]): BootOptions | null {
  const { values } = parseArgs({ args: [...args], options: bootArguments })
  return values.help ? null : bootOptions(values)
}

/** @throws InputError `input-invalid` for a number out of range */
export function bootOptions(given: {
  timeout?: string | undefined
  memory?: string | undefined
  kvm: boolean
}): BootOptions {
  return {
    timeout: count('timeout', given.timeout, 10, 86_400),
    memory: count('memory', given.memory, 1024, 65_536),
    kvm: given.kvm,
  }
}

function count(name: keyof typeof defaults, text: string | undefined, least: number, most: number): number {
  if (text === undefined) return defaults[name]
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new InputError('input-invalid', `--${name}: ${text} is no number from ${least} to ${most}`, { subject: name })
}

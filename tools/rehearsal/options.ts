import { parseArgs } from 'node:util'
import { bootArguments, bootOptions, defaults, type BootOptions } from '../measured-boot/options.ts'

export interface RehearsalOptions extends BootOptions {
  /** Page that gets the result; null for none. */
  page: string | null
}

export const usage = `Usage: npm run rehearsal -- [options]

The runner is a guest that we built and measured before its boot. Inside it, without a network, the example is built, described, encrypted
and signed with evidence of its software TPM; outside, the gate accepts the result. Two more guests, which differ in one byte of the initrd and
one of the kernel command line, do the same and are refused. Everything lies in build/rehearsal.
Needs qemu-system-x86_64, swtpm and the packages of scripts/peers, npm, git, and dist/ (npm run dist).

  --timeout SECONDS   end a machine after this time (default: ${defaults.timeout})
  --page FILE         put the result between the marks of this page, too (docs/rehearsal.md)
  --memory MIB        memory of each machine (default: ${defaults.memory})
  --kvm               run them on the processor by KVM (/dev/kvm) instead of emulating one: much faster (not tried in this project yet)
`

/** Null for --help. @throws InputError `input-invalid` */
export function readOptions(args: readonly string[]): RehearsalOptions | null {
  const { values } = parseArgs({ args: [...args], options: { ...bootArguments, page: { type: 'string' } } })
  return values.help ? null : { ...bootOptions(values), page: values.page ?? null }
}

import type { Verdict } from '../../verify/types.ts'

/** What pinned time stamp authorities say; '' where the policy pins none. */
export function timeInWords({ checks }: Verdict): string {
  const found = checks.find(({ id }) => id === 'time.seal')
  if (found === undefined || found.status === 'skipped') return ''
  return found.status === 'passed' ? found.why : `not proven: ${found.why}`
}

/** Which technology proves the machine, and where that proves nothing. */
export function evidenceInWords({ builder, machine }: Verdict): string {
  if (builder.technology === null) return 'none: nothing is known of the machine'
  if (builder.technology === 'sample') return 'sample: simulated, proves nothing'
  if (machine?.status['softwareTpm'] === true) return 'tpm, a software TPM: whoever runs the host can forge its quotes'
  return builder.technology
}

/** What the evidence says of who asked for it; '' where no machine is proven. */
export function levelInWords({ builder, machine }: Verdict): string {
  if (machine === null || builder.technology === 'sample') return ''
  return builder.level === 'agent-exclusive'
    ? 'agent-exclusive: only the agent can reach the TEE'
    : 'machine-only: the evidence proves the machine, not who asked for it'
}

/** Which machine it was, how good it is by its maker's word, what it measures to, and its runtime register. */
export function machineInWords({ machine }: Verdict): [string, string][] {
  if (machine === null) return []
  const { id, chip, status, reference, register } = machine
  const states = Object.entries(status)
    .filter(([, value]) => typeof value !== 'object' || Array.isArray(value))
    .map(([name, value]) => `${inWords(name)} ${Array.isArray(value) ? value.join(' ') || 'none' : String(value)}`)
  return [
    ['Machine', id ?? 'not named'],
    ['Chip', chip ?? ''],
    ['State', states.join(', ')],
    ['Reference values', reference ?? 'none that the policy pins'],
    ['Runtime register', register === null ? 'none' : registerInWords(register)],
  ]
}

/** `softwareTpm` is a name for programs. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function registerInWords({
  name,
  resettable,
  records,
  foreign,
}: NonNullable<NonNullable<Verdict['machine']>['register']>): string {
  const own = `${name}: ${records.map(({ operation }) => operation).join(', ')}`
  const others = foreign.length === 0 ? '' : `; extended by others, too: ${foreign.join('; ')}`
  return `${own}${others}${resettable ? '; can be set back' : ''}`
}

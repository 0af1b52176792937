import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { printable } from '../../base/printable.ts'
import type { RawInputs } from '../../doors/context.ts'
import { carryStatuses, type CarriedStatus } from '../../tasks/status/carry.ts'
import { loadPolicy } from '../../verify/policy/load.ts'
import { statusInWords } from '../../verify/status/effective.ts'
import type { CommandResult } from '../command.ts'

const words: Readonly<Record<CarriedStatus['outcome'], string>> = {
  carried: 'carried',
  present: 'already there',
  kept: 'not carried: the target has a newer statement of this signer',
  contradictory: 'carried; it contradicts another statement of the same serial and time',
}

/** `promote --status-only`. */
export async function carryCommand(inputs: RawInputs, ports: Ports): Promise<CommandResult> {
  const policy = await loadPolicy(inputs.path('policy'))
  const { statuses, silent, broken } = await carryStatuses(
    { from: inputs.required('from'), to: inputs.required('to'), policy },
    ports,
  )
  const lines = [
    ...statuses.map(
      ({ statement, outcome }) =>
        `${statement.subject}: ${statusInWords(statement)} (serial ${statement.predicate.serial}): ${words[outcome]}`,
    ),
    ...silent.map((digest) => `${digest}: the source holds no status by a signer that the policy names`),
    ...broken.map(
      ({ manifest, error }) => `${manifest}: cannot be read, and a signer that counts signed it: ${error.message}`,
    ),
  ]
  const contradictory = statuses.some(({ outcome }) => outcome === 'contradictory')
  return {
    outputs: {
      'statuses-json': statuses.map(({ statement, outcome }): JsonObject => {
        const { subject, manifest, predicate } = statement
        return { subject, manifest, status: predicate.status, serial: predicate.serial, outcome }
      }),
      'silent-json': silent,
    },
    text: `${lines.map(printable).join('\n')}\n`,
    refused: contradictory || broken.length > 0,
  }
}

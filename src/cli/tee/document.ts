import type { RawInputs } from '../../doors/context.ts'
import type { Definition } from '../../doors/definitions.generated.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Log } from '../../base/ports.ts'
import { referenceDocument, type ImageStatements } from '../../tee/predict/document.ts'
import type { Prediction } from '../../tee/predict/prediction.ts'
import { levels, storages, writeReferenceValues, type ReferenceValues } from '../../tee/reference/values.ts'
import { writeNewFile } from '../new-file.ts'

const option = (name: string, description: string, fallback = ''): Definition['inputs'][number] => ({
  name,
  description,
  default: fallback,
  required: false,
})

/** Options that all `tee predict` commands share. */
export const documentOptions: Definition['inputs'] = [
  option('output', 'New file for the reference values as a document; it must not exist.'),
  option('name', 'Name of the machine image in the document; by default the one of the main input.'),
  option(
    'covers',
    'What the values cover: firmware, kernel, initrd, cmdline as predicted (the default); rootfs, runner, agent where they lie in the initrd or hang on the command line.',
  ),
  option('storage', 'sealed where workspace, temp, container storage and swap are sealed; else exposed.', 'exposed'),
  option(
    'level',
    'agent-exclusive where nobody but the agent can reach the TEE of this image; else machine-only.',
    'machine-only',
  ),
  option('boot-jobs', 'Jobs that one boot may run; 1 by default.'),
  option('captured', 'Values read on a machine, as NAME=HEX (e.g. pcr0=…); they are added to every row.'),
  option('not-before', 'From when the values hold, e.g. 2026-01-31T00:00:00Z.'),
  option('not-after', 'Until when the values hold.'),
]

/**
 * True where `--output` asks for a document.
 *
 * @throws InputError `input-missing` for an option about a document without `--output`
 */
export function wantsDocument(inputs: RawInputs): boolean {
  if (inputs.text('output') !== '') return true
  const lost = ['name', 'covers', 'boot-jobs', 'captured', 'not-before', 'not-after'].find((n) => inputs.text(n) !== '')
  if (lost === undefined) return false
  throw new InputError('input-missing', `--${lost} says something about a document, but --output names none`, {
    subject: lost,
    remedy: `Name a new file with --output, or leave --${lost} out.`,
  })
}

/**
 * Writes a prediction as a document to the new file that `--output` names.
 *
 * @throws InputError `input-invalid` for statements that the values cannot carry, `exists`
 */
export async function writeDocument(
  inputs: RawInputs,
  prediction: Prediction,
): Promise<{ outputs: Record<string, string>; text: string }> {
  const document = referenceDocument(prediction, readStatements(inputs))
  const path = await writeNewFile(inputs, 'output', bytesOf(document))
  return { outputs: { 'reference-values': path }, text: `${path}\n` }
}

/** Writes what the reader must know about a prediction to the log. */
export function showNotes({ notes }: Prediction, log: Pick<Log, 'info' | 'warn'>): void {
  for (const { level, text } of notes) log[level](text)
}

function readStatements(inputs: RawInputs): ImageStatements {
  const text = (name: string): string | null => (inputs.text(name) === '' ? null : inputs.text(name))
  return {
    captured: readCaptured(inputs),
    name: text('name'),
    covers: inputs.list('covers'),
    storage: inputs.choice('storage', storages),
    level: inputs.choice('level', levels),
    bootJobs: text('boot-jobs') === null ? null : inputs.integer('boot-jobs', 1, 1_000_000),
    notBefore: text('not-before'),
    notAfter: text('not-after'),
  }
}

/** Here the document comes from what was typed, so its faults are the user's. */
function bytesOf(document: ReferenceValues): Buffer {
  try {
    return writeReferenceValues(document)
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw new InputError('input-invalid', `these reference values cannot be written: ${cause.message}`, {
      subject: 'output',
      cause,
      remedy: 'Correct the option that the message names.',
    })
  }
}

function readCaptured(inputs: RawInputs): Record<string, string> {
  const found: Record<string, string> = {}
  for (const item of inputs.list('captured')) {
    const [, name = '', value = ''] = /^([a-z0-9-]+)=([0-9a-f]+)$/.exec(item.toLowerCase()) ?? []
    if (name === '' || Object.hasOwn(found, name)) {
      throw new InputError('input-invalid', `--captured: ${item} is not NAME=HEX, or stands there twice`, {
        subject: 'captured',
        remedy: 'Write e.g. pcr0=<64 hex digits>, each name once.',
      })
    }
    found[name] = value
  }
  return found
}

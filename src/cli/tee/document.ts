import type { RawInputs } from '../../doors/context.ts'
import type { Definition } from '../../doors/definitions.generated.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Technology } from '../../base/technology.ts'
import {
  coverages,
  referenceValuesType,
  writeReferenceValues,
  type Coverage,
  type ReferenceRow,
  type ReferenceValues,
} from '../../tee/reference/values.ts'
import { writeNewFile } from '../new-file.ts'

/** What a prediction found out, before the reader's own statements about the image are added. */
export interface Prediction {
  technology: Technology
  /** Parts that these values pin, by what was predicted. */
  covers: readonly Coverage[]
  inputs: ReferenceValues['inputs']
  values: readonly ReferenceRow[]
  experimental?: readonly string[] | undefined
}

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

const storages = ['sealed', 'exposed'] as const
const levels = ['agent-exclusive', 'machine-only'] as const
/** Names of captured values that stand for the firmware. */
const firmwareValues = ['pcr0', 'mr-td', 'measurement']

/**
 * Writes the document to a new file, null where none was asked for.
 *
 * @param mainInput the option whose file name is the image's name by default
 * @throws InputError `input-invalid` for statements that the values can't carry, `exists`
 */
export async function writeDocument(
  inputs: RawInputs,
  mainInput: string,
  prediction: Prediction,
): Promise<{ outputs: Record<string, string>; text: string } | null> {
  if (inputs.text('output') === '') {
    const lost = ['name', 'covers', 'boot-jobs', 'captured', 'not-before', 'not-after'].find(
      (n) => inputs.text(n) !== '',
    )
    if (lost === undefined) return null
    throw new InputError('input-missing', `--${lost} says something about a document, but --output names none`, {
      subject: lost,
      remedy: `Name a new file with --output, or leave --${lost} out.`,
    })
  }
  const captured = readCaptured(inputs)
  const document = {
    type: referenceValuesType,
    name: inputs.text('name') === '' ? baseName(inputs.text(mainInput)) : inputs.text('name'),
    technology: prediction.technology,
    covers: readCovers(inputs, prediction.covers, Object.keys(captured)),
    storage: inputs.choice('storage', storages),
    level: inputs.choice('level', levels),
    'boot-jobs': inputs.text('boot-jobs') === '' ? undefined : inputs.integer('boot-jobs', 1, 1_000_000),
    inputs: { ...prediction.inputs, ...capturedInputs(captured) },
    experimental: prediction.experimental === undefined ? undefined : [...prediction.experimental],
    values: prediction.values.map(({ shape, measured }) => ({ shape, measured: merge(measured, captured) })),
    'not-before': optional(inputs, 'not-before'),
    'not-after': optional(inputs, 'not-after'),
  } satisfies Record<keyof ReferenceValues, unknown>
  const path = await writeNewFile(inputs, 'output', bytesOf(document))
  return { outputs: { 'reference-values': path }, text: `${path}\n` }
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

function readCovers(inputs: RawInputs, predicted: readonly Coverage[], captured: readonly string[]): Coverage[] {
  const asked = inputs.list('covers')
  if (asked.length === 0) return [...predicted]
  const pinned = [...predicted, ...(captured.some((name) => firmwareValues.includes(name)) ? ['firmware'] : [])]
  return asked.map((part) => {
    const found = coverages.find((known) => known === part)
    if (found === undefined) throw wrongCover(part, `Use some of: ${coverages.join(', ')}.`)
    if (pinned.includes(found)) return found
    if (['firmware', 'kernel', 'initrd', 'cmdline'].includes(found)) {
      throw wrongCover(part, `Nothing in this prediction pins the ${part}: leave it out of --covers.`)
    }
    // What lies on top is only as fixed as what starts it.
    const missing = ['kernel', 'initrd', 'cmdline'].find((below) => !pinned.includes(below))
    if (missing === undefined) return found
    throw wrongCover(part, `The ${part} is pinned only through the ${missing}, which this prediction does not cover.`)
  })
}

function wrongCover(part: string, remedy: string): InputError {
  return new InputError('input-invalid', `--covers: these values do not cover "${part}"`, { subject: 'covers', remedy })
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

function capturedInputs(captured: Record<string, string>): ReferenceValues['inputs'] {
  return Object.fromEntries(
    Object.keys(captured).map((name) => [`captured-${name}`, { name: 'captured', digest: null }]),
  )
}

function merge(measured: Record<string, string>, captured: Record<string, string>): Record<string, string> {
  const twice = Object.keys(captured).find((name) => Object.hasOwn(measured, name))
  if (twice === undefined) return { ...measured, ...captured }
  throw new InputError('input-invalid', `--captured: ${twice} is predicted already`, {
    subject: 'captured',
    remedy: `Leave ${twice} out of --captured.`,
  })
}

function optional(inputs: RawInputs, name: string): string | undefined {
  return inputs.text(name) === '' ? undefined : inputs.text(name)
}

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** An input of the document by its SHA-256. */
export function named(name: string, sha256: Buffer | null): { name: string; digest: string | null } {
  return { name: name.slice(0, 256), digest: sha256 === null ? null : `sha256:${sha256.toString('hex')}` }
}

import { InputError } from '../../base/errors.ts'
import { duplicateMember } from '../../base/json-members.ts'
import { isObject, nestsDeeper, parseJson, type JsonObject } from '../../base/json.ts'
import type { Technology } from '../../base/technology.ts'
import { measuredValueNames } from '../reference/values.ts'
import { isCocoValues, readCocoValues } from './coco.ts'
import { isConfosManifest, readConfosManifest } from './confos.ts'
import { isCorim, readCorim, type CorimValue } from './corim.ts'
import { isTinfoilHardware, isTinfoilRelease, readTinfoilHardware, readTinfoilRelease } from './tinfoil.ts'
import { refusal, type Published } from './values.ts'

const limits = { bytes: 4 << 20, depth: 32 } as const
const shown = 12
/** Measured values that hold at least the firmware. */
const firmwareValues = ['measurement', 'mr-td', 'pcr0']

type Reader = readonly [fits: (value: JsonObject) => boolean, read: (value: JsonObject, subject: string) => Published[]]
const readers: readonly Reader[] = [
  [isTinfoilRelease, readTinfoilRelease],
  [isCocoValues, readCocoValues],
  [isConfosManifest, readConfosManifest],
  [isTinfoilHardware, readTinfoilHardware],
]

/** What the reader of a file decides, where the file leaves it open. */
export interface Choice {
  /** Null takes the one that the file has. */
  readonly technology: Technology | null
  /** Of a CoRIM: which identifier stands for which measured value. */
  readonly pick: ReadonlyMap<string, string>
}

/**
 * Values of one technology from a file that its maker published: of Tinfoil, Confidential Containers, confos, or a CoRIM. No signature is
 * checked here.
 *
 * @throws VerificationError `format-invalid`; InputError `input-missing` where the file needs a choice, `input-invalid` for one that does not fit it
 */
export function readPublished(bytes: Uint8Array, choice: Choice, subject: string): Published {
  if (bytes.length > limits.bytes)
    throw refusal(
      subject,
      `has ${bytes.length} bytes, more than ${limits.bytes}`,
      'Give the file with the values alone.',
    )
  if (isCorim(bytes)) return ofCorim(readCorim(bytes, subject), choice, subject)
  if (choice.pick.size > 0)
    throw new InputError('input-invalid', `pick: ${subject} is not a CoRIM`, {
      subject: 'pick',
      remedy: 'Leave `pick` out.',
    })
  const text = Buffer.from(bytes).toString('utf8')
  if (nestsDeeper(bytes, limits.depth)) throw unknown(subject)
  const value = parseJson(text, subject)
  const twice = duplicateMember(text)
  if (twice !== null)
    throw refusal(subject, `has the member "${twice}" twice`, 'Give the file as its publisher wrote it.')
  const reader = isObject(value) ? readers.find(([fits]) => fits(value)) : undefined
  if (reader === undefined || !isObject(value)) throw unknown(subject)
  return chosen(reader[1](value, subject), choice, subject)
}

function chosen(found: readonly Published[], { technology }: Choice, subject: string): Published {
  const names = found.map((one) => one.technology).join(', ')
  const [only, ...others] = technology === null ? found : found.filter((one) => one.technology === technology)
  if (only === undefined)
    throw new InputError('input-invalid', `technology: ${subject} has no values of ${String(technology)}`, {
      subject: 'technology',
      remedy: `Use one of: ${names}.`,
    })
  if (others.length === 0) return only
  throw new InputError('input-missing', `${subject} has values of ${names}, and a document holds one technology`, {
    subject: 'technology',
    remedy: `Give \`technology\`: one of ${names}.`,
  })
}

/** A CoRIM says of its digests only what its author calls them: the user says which register each is. */
function ofCorim(values: readonly CorimValue[], { technology, pick }: Choice, subject: string): Published {
  const ids = [...new Set(values.map(({ id }) => id))]
  const listed = `${ids.slice(0, shown).join(', ')}${ids.length > shown ? ', …' : ''}`
  if (ids.length === 0)
    throw refusal(subject, 'has no digest in a reference triple', 'Give a CoRIM with reference values.')
  if (technology === null || technology === 'sample' || pick.size !== 1)
    throw new InputError(
      'input-missing',
      `${subject} is a CoRIM, and \`technology\` and one \`pick\` say what its values are`,
      {
        subject: technology === null ? 'technology' : 'pick',
        remedy: `Give --technology and --pick NAME=IDENTIFIER. Identifiers in it: ${listed}.`,
      },
    )
  const [[name, id] = ['', '']] = pick
  if (!measuredValueNames(technology).includes(name))
    throw new InputError('input-invalid', `pick: ${technology} has no measured value "${name}"`, {
      subject: 'pick',
      remedy: `Use one of: ${measuredValueNames(technology).join(', ')}.`,
    })
  const taken = values.filter((one) => one.id === id)
  if (taken.length === 0)
    throw new InputError('input-invalid', `pick: ${subject} has no "${id}"`, {
      subject: 'pick',
      remedy: `Use one of: ${listed}.`,
    })
  return {
    name: id,
    technology,
    covers: firmwareValues.includes(name) ? ['firmware'] : [],
    inputs: {},
    values: taken.map(({ value }) => ({ shape: {}, measured: { [name]: value } })),
    experimental: [],
    notes: [],
  }
}

function unknown(subject: string) {
  return refusal(
    subject,
    'is not in a known form of published values',
    'Known: tinfoil-deployment.json and hardware-measurements.json of Tinfoil, reference-values.json of Confidential Containers, manifest.json of confos, an unsigned CoRIM.',
  )
}

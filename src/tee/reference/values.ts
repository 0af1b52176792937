import { z } from 'zod'
import { technologies, type Technology } from '../../base/technology.ts'
import { VerificationError } from '../../base/errors.ts'
import { firstIssue } from '../../base/first-issue.ts'
import { jcs, jcsText, parseJcs } from '../../encoding/jcs.ts'

export const referenceValuesType = 'https://sealwright.dev/reference-values/v1' as const
/** What a measurement can cover (TRUST §1), in the order in which it is written. */
export const coverages = ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent'] as const
export type Coverage = (typeof coverages)[number]
/** Whether workspace, temp, container storage and swap of an image are sealed. */
export const storages = ['sealed', 'exposed'] as const
export type Storage = (typeof storages)[number]
/** Whether only the agent of an image can reach its TEE. */
export const levels = ['agent-exclusive', 'machine-only'] as const
export type Level = (typeof levels)[number]

const limits = { values: 10_000, inputs: 64, members: 64 } as const

const snp = { measurement: 96, 'host-data': 64, 'id-key-digest': 96, 'author-key-digest': 96 }
const tdxNames = ['mr-td', 'mr-config-id', 'mr-owner', 'mr-owner-config', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3']
const tdx = Object.fromEntries(tdxNames.map((name) => [name, 96]))
const tpm = Object.fromEntries(Array.from({ length: 24 }, (_, i) => [`pcr${i}`, 64]))
/** Measured values that a technology has, by the names of `TeeVerdict.measured`, with their number of hexadecimal digits. */
const measuredNames: Readonly<Record<Technology, Readonly<Record<string, number>>>> = {
  snp,
  tdx,
  tpm,
  'az-snp-vtpm': { ...snp, ...tpm },
  'az-tdx-vtpm': { ...tdx, ...tpm },
  sample: {},
}

/** Names of the values that hardware of a technology measures. */
export function measuredValueNames(technology: Technology): readonly string[] {
  return Object.keys(measuredNames[technology])
}

const name = z.string().min(1).max(256)
const inputDigest = z.string().regex(/^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/)
const hexValue = z.string().regex(/^([0-9a-f]{64}|[0-9a-f]{96})$/, 'write 64 or 96 lower-case hex digits')
const time = z.iso.datetime({ precision: 0, error: 'write a time such as 2026-01-31T00:00:00Z' })
const few = (record: object): boolean => Object.keys(record).length <= limits.members

const rowSchema = z.strictObject({
  /** Whatever the prediction depended on beside the inputs: vCPU count and model, memory, hypervisor … */
  shape: z.record(name, z.union([z.string().max(256), z.int()])).refine(few, 'too many members'),
  /** Every one of them must be what the hardware signed. */
  measured: z.record(name, hexValue).refine((m) => Object.keys(m).length > 0 && few(m), 'holds no or too many values'),
})

/** Reference values of one machine image on machines of many shapes, version 1: strict, an unknown member is refused. */
const referenceValuesSchema = z
  .strictObject({
    type: z.literal(referenceValuesType),
    name,
    technology: z.enum(technologies),
    covers: z.array(z.enum(coverages)),
    storage: z.enum(storages),
    level: z.enum(levels),
    /** Jobs that one boot of this image may run; 1 where it is left out. */
    'boot-jobs': z.int().min(1).max(1_000_000).optional(),
    /** What was predicted from; `digest` is null where only a name or a value of it was known. */
    inputs: z
      .record(name, z.strictObject({ name: z.string().max(256), digest: inputDigest.nullable() }))
      .refine((inputs) => Object.keys(inputs).length <= limits.inputs, 'too many inputs'),
    /** Names of measured values that no hardware has confirmed yet. */
    experimental: z.array(name).min(1).optional(),
    values: z.array(rowSchema).min(1).max(limits.values),
    'not-before': time.optional(),
    'not-after': time.optional(),
  })
  .superRefine((document, context) => {
    for (const message of faults(document)) context.addIssue({ code: 'custom', message })
  })

export type ReferenceValues = z.infer<typeof referenceValuesSchema>
export type ReferenceRow = ReferenceValues['values'][number]

/**
 * The document in RFC 8785 form. Order and spelling of what was asked for do not change its bytes: `covers` and rows are sorted, an equal row
 * stands there once.
 *
 * @throws VerificationError `format-invalid` where the document breaks its own schema
 */
export function writeReferenceValues(document: ReferenceValues): Buffer {
  const rows = new Map(document.values.map((row) => [`${jcsText(row.shape)}${jcsText(row.measured)}`, row]))
  const sorted = {
    ...document,
    covers: coverages.filter((part) => document.covers.includes(part)),
    experimental: document.experimental === undefined ? undefined : [...new Set(document.experimental)].sort(),
    values: [...rows.keys()].sort().map((key) => rows.get(key)),
  }
  return jcs(check(sorted, document.name))
}

/**
 * Reads stored reference values. Their signature is checked elsewhere (`openReferenceValues`).
 *
 * @throws VerificationError `format-invalid` for what is not its own RFC 8785 form, unknown members, and values that the technology doesn't have
 */
export function parseReferenceValues(bytes: Uint8Array, subject: string): ReferenceValues {
  try {
    return check(parseJcs(bytes, subject), subject)
  } catch (cause) {
    if (!(cause instanceof VerificationError) || cause.remedy !== undefined) throw cause
    throw new VerificationError(cause.code, cause.message, {
      subject,
      cause,
      remedy: 'Give the document as "sealwright tee predict … --output" wrote it; to change it, predict it again.',
    })
  }
}

function check(value: unknown, subject: string): ReferenceValues {
  const parsed = referenceValuesSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const { where, what } = firstIssue(parsed.error, 'the document')
  throw new VerificationError(
    'format-invalid',
    `${subject} holds no reference values of version 1: ${where}: ${what}`,
    {
      subject,
    },
  )
}

function faults(document: {
  technology: Technology
  covers: string[]
  values: { shape: object; measured: Record<string, string> }[]
  experimental?: string[] | undefined
  'not-before'?: string | undefined
  'not-after'?: string | undefined
}): string[] {
  const known = measuredNames[document.technology]
  const found: string[] = []
  if (document.technology === 'sample') found.push('sample evidence measures nothing')
  if (new Set(document.covers).size !== document.covers.length) found.push('covers names a part twice')
  for (const { measured } of document.values) {
    for (const [key, value] of Object.entries(measured)) {
      if (!Object.hasOwn(known, key)) found.push(`${document.technology} has no measured value "${key}"`)
      else if (value.length !== known[key]) found.push(`${key} has ${known[key]} hex digits, not ${value.length}`)
    }
    if (found.length > 0) return found
  }
  for (const key of document.experimental ?? []) {
    if (!document.values.some(({ measured }) => Object.hasOwn(measured, key)))
      found.push(`experimental names "${key}", which no row has`)
  }
  const [from, to] = [document['not-before'], document['not-after']]
  if (from !== undefined && to !== undefined && Date.parse(from) >= Date.parse(to))
    found.push('not-after is not later than not-before')
  return found
}

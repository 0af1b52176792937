import { InputError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import type { Technology } from '../../base/technology.ts'

/**
 * Launch measurement in evidence, as Trustee's claims write it. Read for a plan that a human or the embedded KBS judges; nothing is verified here.
 *
 * @throws InputError `input-missing` for a technology whose measurement must be named in a plan
 */
export function measurementOf(technology: Technology, evidence: Buffer): string {
  if (technology === 'sample') return 'abcde'
  const value = parseJson(evidence.toString('utf8'), 'evidence')
  const measurement = technology === 'snp' ? find(value, 'measurement') : undefined
  if (
    Array.isArray(measurement) &&
    measurement.length === 48 &&
    measurement.every((byte) => typeof byte === 'number')
  ) {
    return Buffer.from(measurement as number[]).toString('hex')
  }
  const pcr11 = technology === 'tpm' ? find(value, 'pcrs') : undefined
  // PCR 11 is empty on a machine that did not boot from a unified kernel image: it would name no guest.
  if (Array.isArray(pcr11) && typeof pcr11[11] === 'string' && /[1-9a-f]/.test(pcr11[11])) return pcr11[11]
  throw new InputError(
    'input-missing',
    `a plan is needed: which ${technology} guests may have the keys is not known here`,
    {
      subject: 'plan',
      remedy: 'Write a plan with admit: technology and measurements of the guests (docs/kbs-publish.md).',
    },
  )
}

function find(value: JsonValue, name: string): JsonValue | undefined {
  if (!isObject(value)) return undefined
  return (
    value[name] ??
    Object.values(value)
      .map((inner) => find(inner, name))
      .find((found) => found !== undefined)
  )
}

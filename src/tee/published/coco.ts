import type { JsonObject } from '../../base/json.ts'
import { refusal, register, type Published } from './values.ts'

/** `rvps:///PUBLISHER/TECHNOLOGY/NAME:RELEASE` (Trustee, rvps/docs/reference-value-uri.md). */
const id = /^rvps:\/\/\/([A-Za-z0-9._/-]{1,200})\/([a-z0-9-]{1,32})\/([a-z0-9_]{1,64}):([A-Za-z0-9._+-]{1,64})$/

/** Names of the publishers' values that a TD measures as they are. */
const registers: Readonly<Record<string, string>> = {
  mr_td: 'mr-td',
  rtmr_0: 'rtmr0',
  rtmr_1: 'rtmr1',
  rtmr_2: 'rtmr2',
}

export function isCocoValues(value: JsonObject): boolean {
  const names = Object.keys(value)
  return names.length > 0 && names.every((name) => name.startsWith('rvps:///'))
}

/**
 * Values of Confidential Containers' releases (`reference-values.json` of confidential-containers/reference-values): a flat map from identifier to
 * hexadecimal text. The identifiers can't be registered in a Trustee as they are, as most of its stores refuse the colon.
 *
 * @throws VerificationError `format-invalid`
 */
export function readCocoValues(value: JsonObject, subject: string): Published[] {
  const releases = new Map<string, Record<string, string>>()
  const publishers = new Set<string>()
  const left: string[] = []
  for (const [name, given] of Object.entries(value)) {
    const [, publisher = '', technology = '', short = '', release = ''] = id.exec(name) ?? []
    if (publisher === '')
      throw refusal(subject, `has the identifier "${name}"`, 'Expected: rvps:///PUBLISHER/TECHNOLOGY/NAME:RELEASE.')
    const known = technology === 'tdx' && Object.hasOwn(registers, short) ? registers[short] : undefined
    if (known === undefined) {
      left.push(`${technology}/${short}`)
      continue
    }
    publishers.add(publisher)
    releases.set(release, { ...releases.get(release), [known]: register(given, name, subject) })
  }
  const [publisher, other] = publishers
  if (publisher === undefined)
    throw refusal(
      subject,
      'holds no value of a register',
      `It holds: ${left.join(', ')}. Only mr_td and rtmr_0 to rtmr_2 of tdx are.`,
    )
  if (other !== undefined)
    throw refusal(subject, `holds values of "${publisher}" and "${other}"`, 'Give a file of one publisher.')
  const notes = [...new Set(left)].map((one) => ({
    level: 'warn' as const,
    text: `${one} is not a register: it is compared with an entry of the event log, and no document can hold it.`,
  }))
  return [
    {
      name: publisher.slice(publisher.lastIndexOf('/') + 1),
      technology: 'tdx',
      covers: [...releases.values()].every((measured) => 'mr-td' in measured) ? ['firmware'] : [],
      inputs: {},
      values: [...releases].map(([release, measured]) => ({ shape: { release }, measured })),
      experimental: [],
      notes,
    },
  ]
}

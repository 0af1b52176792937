import { VerificationError } from '../../base/errors.ts'
import { isObject, nestsDeeper, parseJson, type JsonObject } from '../../base/json.ts'
import { duplicateMember, otherSpelling } from '../../base/json-members.ts'
import type { Descriptor } from '../../oci/types.ts'
import { notationRefusal } from './envelope.ts'

/** What a signature is about: the descriptor of a manifest, with annotations that the signer added. */
export interface NotationTarget {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations: Readonly<Record<string, string>>
}

const fields = ['mediaType', 'digest', 'size', 'annotations', 'artifactType']

/** The signed payload for a manifest. */
export function notationPayload({
  mediaType,
  digest,
  size,
}: Pick<Descriptor, 'mediaType' | 'digest' | 'size'>): Buffer {
  return Buffer.from(JSON.stringify({ targetArtifact: { mediaType, digest, size } }))
}

/** Reads a payload. @throws VerificationError `format-invalid` */
export function readNotationPayload(payload: Buffer, subject: string): NotationTarget {
  const name = `the payload of ${subject}`
  if (nestsDeeper(payload, 8)) throw notationRefusal(name, 'nests more than 8 levels')
  const text = payload.toString('utf8')
  const value = parseJson(text, name)
  const twice = duplicateMember(text)
  if (twice !== null) throw notationRefusal(name, `has the member ${twice} twice`)
  const target = isObject(value) ? value['targetArtifact'] : undefined
  if (!isObject(value) || !isObject(target)) throw notationRefusal(name, 'names no targetArtifact')
  const spelled = otherSpelling(value, ['targetArtifact']) ?? otherSpelling(target, fields)
  if (spelled !== null) throw notationRefusal(name, `has the member ${spelled}, which Go reads as another`)
  const { mediaType, digest, size } = target
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || typeof size !== 'number')
    throw notationRefusal(name, 'names no descriptor')
  return { mediaType, digest, size, annotations: annotationsOf(target, name) }
}

function annotationsOf({ annotations = {} }: JsonObject, name: string): Record<string, string> {
  const found: Record<string, string> = {}
  if (!isObject(annotations)) throw notationRefusal(name, 'has malformed annotations')
  for (const [key, value] of Object.entries(annotations)) {
    if (typeof value !== 'string') throw notationRefusal(name, 'has malformed annotations')
    found[key] = value
  }
  return found
}

/** Checks that a signature is about this manifest. @throws VerificationError `subject-mismatch` */
export function checkTarget(target: NotationTarget, { mediaType, digest, size }: Descriptor, subject: string): void {
  if (target.digest === digest && target.size === size && target.mediaType === mediaType) return
  throw new VerificationError(
    'subject-mismatch',
    `${subject} signs ${target.digest} (${target.mediaType}, ${target.size} bytes), not ${digest}`,
    { subject },
  )
}

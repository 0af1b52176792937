import { z } from 'zod'
import { VerificationError } from '../base/errors.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import { parseJcs } from '../encoding/jcs.ts'
import { technologies } from '../base/technology.ts'
import { type TeeEvidence } from './types.ts'

const schema = z.strictObject({
  technology: z.enum(technologies),
  evidence: z.custom<JsonObject>((value) => isObject(value)),
  documents: z.record(z.string().regex(/^[a-z0-9-]{1,64}$/), z.string()),
})

/** Reads the stored form of TEE evidence. @throws VerificationError `evidence-invalid` for a foreign member or other bytes than JCS */
export function parseTeeEvidence(bytes: Uint8Array, subject: string): TeeEvidence {
  try {
    return schema.parse(parseJcs(bytes, subject))
  } catch (cause) {
    throw new VerificationError('evidence-invalid', `${subject} is not TEE evidence of version 1`, { subject, cause })
  }
}

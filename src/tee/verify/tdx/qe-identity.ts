import { z } from 'zod'
import { partLevels } from './tcb-info.ts'
import { bytesHex, parseSigned, stamp } from './signed-json.ts'

const schema = z.object({
  id: z.literal('TD_QE'),
  version: z.literal(2),
  issueDate: stamp,
  nextUpdate: stamp,
  tcbEvaluationDataNumber: z.int().min(0),
  miscselect: bytesHex(4),
  miscselectMask: bytesHex(4),
  attributes: bytesHex(16),
  attributesMask: bytesHex(16),
  mrsigner: bytesHex(32),
  isvprodid: z.int().min(0).max(0xffff),
  tcbLevels: partLevels,
})

/** Identity of Intel's quoting enclave for TDs (Intel PCS API v4, EnclaveIdentityV2). */
export type QeIdentity = z.infer<typeof schema>

/** @param bytes the signed text @throws VerificationError `format-invalid` naming the member */
export function parseQeIdentity(bytes: Uint8Array): QeIdentity {
  return parseSigned(bytes, schema, 'QE identity')
}

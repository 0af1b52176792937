import { z } from 'zod'
import {
  InputError,
  InternalError,
  inputCodes,
  reasonCodes,
  TransportError,
  transportCodes,
  VerificationError,
  type SealwrightError,
} from '../base/errors.ts'

/** An error as one process of ours tells it to another. */
export const errorRecordSchema = z.object({
  code: z.string(),
  message: z.string(),
  subject: z.string().nullable(),
  remedy: z.string().nullable(),
})

/** An error record that another process of ours gave, as the error that it was there. */
export function errorFromRecord(value: unknown): SealwrightError {
  const parsed = errorRecordSchema.safeParse(value)
  if (!parsed.success) return new TransportError('agent-error', 'the answer is an error without a reason')
  const record = parsed.data
  const { message } = record
  const details = { subject: record.subject ?? undefined, remedy: record.remedy ?? undefined }
  const code = <T extends string>(codes: readonly T[]): T | undefined => codes.find((item) => item === record.code)
  const reason = code(reasonCodes)
  if (reason !== undefined) return new VerificationError(reason, message, details)
  const input = code(inputCodes)
  if (input !== undefined) return new InputError(input, message, details)
  const transport = code(transportCodes)
  if (transport !== undefined) return new TransportError(transport, message, details)
  return new InternalError(message, details)
}

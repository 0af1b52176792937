import { VerificationError } from '../../../base/errors.ts'
import { signatureAlgorithm } from '../../../sign/cose/verify.ts'
import { problemMediaType, writeProblem } from '../../scitt/problem.ts'
import type { SignedStatement } from '../../scitt/statement.ts'
import type { Reply } from '../http.ts'

/** An answer of SCRAPI that is not a success, with the title that the draft gives it. */
export class Refusal extends Error {
  readonly status: number
  readonly title: string
  /** Seconds after which to ask again; null where that does not help. */
  readonly retryAfter: number | null

  constructor(status: number, title: string, detail: string, retryAfter: number | null = null) {
    super(detail)
    this.status = status
    this.title = title
    this.retryAfter = retryAfter
  }
}

/** Refuses what has no title of its own in the registration policy. @throws Refusal */
export function checkPayload({ message }: SignedStatement): void {
  if (message.payload === null)
    throw new Refusal(400, 'Payload Missing', 'the statement has a detached payload; send it with its payload')
  try {
    signatureAlgorithm(message)
  } catch (error) {
    if (error instanceof VerificationError) throw new Refusal(400, 'Bad Signature Algorithm', error.message)
    throw error
  }
}

/**
 * Runs the checks of what a client sent: what does not hold is the client's fault, unlike the same error from the log.
 *
 * @throws Refusal
 */
export function clientFault<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    throw new Refusal(400, error.code === 'format-invalid' ? 'Malformed request' : 'Rejected', error.message)
  }
}

/** An error as concise problem details (RFC 9290). Faults of the service do not show what happened inside. */
export function problemReply(thrown: unknown): Reply {
  if (thrown instanceof Refusal) return reply(thrown.status, thrown.title, thrown.message, thrown.retryAfter)
  return reply(503, 'Service Unavailable', 'the log cannot take this now', 5)
}

function reply(status: number, title: string, detail: string, retryAfter: number | null = null): Reply {
  return {
    status,
    type: problemMediaType,
    body: writeProblem(title, detail.slice(0, 500)),
    headers: {
      ...(retryAfter === null ? {} : { 'retry-after': String(retryAfter) }),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
  }
}

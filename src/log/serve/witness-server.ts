import { InputError, VerificationError } from '../../base/errors.ts'
import { isCosigned, parseAddCheckpoint, type Witness } from '../witness.ts'
import { problem, type Answer } from './http.ts'

/** Answers of a served witness: `POST /add-checkpoint` (C2SP tlog-witness). */
export function witnessAnswers(witness: Witness): Answer {
  return async (method, path, body) => {
    if (method !== 'POST' || path !== '/add-checkpoint') return null
    const request = parseAddCheckpoint(body)
    try {
      const answer = await witness.add(request)
      return isCosigned(answer)
        ? { status: 200, type: 'text/plain; charset=utf-8', body: answer }
        : { status: 409, type: 'text/x.tlog.size', body: `${answer.known}\n` }
    } catch (error) {
      if (error instanceof InputError && error.code === 'not-found') return problem(404, error.code, error.message)
      if (error instanceof VerificationError) {
        const status = error.code === 'signature-invalid' ? 403 : error.code === 'log-broken' ? 422 : 400
        return problem(status, error.code, error.message)
      }
      throw error
    }
  }
}

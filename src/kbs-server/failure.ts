const prefix = 'https://github.com/confidential-containers/kbs/errors/'

/** An answer that is no success, in Trustee's words (coco.md §1.1, §12). */
export class Failure extends Error {
  readonly status: number
  /** Null where Trustee's answer has no JSON body. */
  readonly body: string | null
  readonly contentType: string | null

  constructor(status: number, body: string | null, contentType: string | null = null) {
    super(body ?? `status ${status}`)
    this.status = status
    this.body = body
    this.contentType = contentType
  }
}

/** Evidence that is not taken, in Trustee's words. */
export class AppraisalError extends Error {}

/** Trustee's error body; 401 for all but paths and plugins that are not there. */
export function failure(name: string, detail: string, status = 401): Failure {
  return new Failure(status, JSON.stringify({ type: prefix + name, detail }))
}

/** Every failed attestation says only this. */
export const attestFailed = (): Failure =>
  failure('AttestationError', 'Attestation error: RCAR handshake Attest failed')
export const authFailed = (why: string): Failure =>
  failure('AttestationError', `Attestation error: RCAR handshake Auth failed: ${why}`)

/** An error of the Attestation Service's own door: 500 with a text. */
export function serviceFailure(...chain: string[]): Failure {
  return new Failure(500, `An internal error occured: \n${chain.map((why, i) => `${i}: ${why}`).join('\n')}`)
}

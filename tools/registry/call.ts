import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Quirks } from './quirks.ts'
import type { Storage } from './storage.ts'

/** One request and all that a handler may need for its answer. */
export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly quirks: Quirks
  readonly storage: Storage
  /** Counts an event and says whether it is the Nth one, by the number of the switch. */
  isNth(quirk: 'resets' | 'errors' | 'throttle' | 'break-upload'): boolean
  /** Notes something that `/_requests` reports. */
  note(what: string): void
  /** True once for a whole server. */
  once(what: 'session-lost'): boolean
  /** Base URL of the store that blobs are redirected to; null where they are not. */
  readonly blobStore: string | null
}

/** An error of the specification (distribution-spec, "Error Codes"). */
export class Refusal extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

/** Answers with a body at hand, which a HEAD leaves out. */
export function answer(
  { request, response }: Pick<Call, 'request' | 'response'>,
  status: number,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
  body: Buffer | string = '',
): void {
  const bytes = Buffer.from(body)
  response.writeHead(status, {
    ...(status === 204 ? {} : { 'Content-Length': String(bytes.length) }),
    ...Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? value : [...value]]),
    ),
  })
  response.end(request.method === 'HEAD' ? undefined : bytes)
}

export function answerJson(
  call: Pick<Call, 'request' | 'response'>,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  answer(call, 200, { 'Content-Type': 'application/json', ...headers }, JSON.stringify(value))
}

export function refuse(call: Pick<Call, 'request' | 'response'>, { status, code, message, headers }: Refusal): void {
  const body = JSON.stringify({ errors: [{ code, message }] })
  answer(call, status, { 'Content-Type': 'application/json', ...headers }, body)
}

/** The error for a method that an endpoint does not have. */
export function noMethod(call: Call): Refusal {
  return new Refusal(405, 'UNSUPPORTED', `${call.request.method} is not supported here`)
}

import { SealwrightError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { call, failureOf } from '../../kbs/call.ts'
import type { RcarSession } from '../../kbs/rcar.ts'
import { parseKbsUri } from '../../kbs/uri.ts'

/** How a step of a guest ends. */
export type Outcome = 'passed' | 'failed' | 'not-known'

/** What a guest gets that asks a Key Broker Service for a resource. */
export interface Answer {
  readonly outcome: Outcome
  readonly why: string
  readonly remedy?: string | undefined
  /** Content; null where it cannot be seen from here, or is refused. */
  readonly bytes: Buffer | null
}

/** A Key Broker Service as one guest sees it. @throws TransportError `unreachable` */
export type GuestKbs = (uri: string) => Promise<Answer>

/** Each URI is asked for once: a KBS counts readings, and layers share keys. */
export function askedOnce(ask: GuestKbs): GuestKbs {
  const known = new Map<string, Promise<Answer>>()
  return (uri) => {
    const answer = known.get(uri) ?? ask(uri)
    known.set(uri, answer)
    return answer
  }
}

/** A running KBS, asked by a guest that attests itself. */
export function attestedKbs(session: RcarSession, technology: string): GuestKbs {
  return async (uri) => {
    try {
      const bytes = await session.resource(parseKbsUri(uri))
      return { outcome: 'passed', why: `given to this machine by ${technology} evidence`, bytes }
    } catch (error) {
      if (!(error instanceof SealwrightError) || (error.code !== 'denied' && error.code !== 'kbs-error')) throw error
      return { outcome: 'failed', why: error.message, remedy: error.remedy, bytes: null }
    }
  }
}

/** A running KBS, asked with the token of a guest. What it gives is encrypted for that guest's key, so nothing of it can be read here. */
export function tokenKbs(url: string, token: string, ports: Ports): GuestKbs {
  return async (uri) => {
    const answer = await call(ports, `${url}/kbs/v0/resource/${parseKbsUri(uri).join('/')}`, {
      method: 'GET',
      headers: { authorization: `Bearer ${token}` },
    })
    if (answer.status === 200) return { outcome: 'passed', why: 'given to the holder of the token', bytes: null }
    const { name, detail } = failureOf(answer)
    return {
      outcome: 'failed',
      why: `refused to the holder of the token: ${[String(answer.status), name, detail].filter(Boolean).join(' ')}`,
      remedy: 'Compare what the token says with the resource policy; an expired token is refused too.',
      bytes: null,
    }
  }
}

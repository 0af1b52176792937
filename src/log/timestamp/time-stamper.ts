import { VerificationError } from '../../base/errors.ts'
import { reachesItself } from '../../base/loopback.ts'
import type { Ports } from '../../base/ports.ts'
import { checkedSigner, requestTimestamp, type StampAnswer } from './client.ts'
import { limits } from './limits.ts'
import { readTimestamp } from './response.ts'

/** Stamps signatures at one service, a few at a time. */
export interface TimeStamper {
  readonly url: URL
  /**
   * @param signature raw bytes
   * @returns TimeStampResp in DER
   */
  stamp(signature: Uint8Array): Promise<Buffer>
}

/**
 * A stamper for the statements of one job.
 *
 * @param own SPKI DER of the keys that sign here: an authority with one of these keys would vouch for itself
 */
export function openTimeStamper(url: URL, own: readonly Buffer[], ports: Ports): TimeStamper {
  const waiting: (() => void)[] = []
  let running = 0
  const turn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= limits.parallel) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
  return {
    url,
    stamp: (signature) => turn(async () => notOwn(await requestTimestamp(url, signature, ports), own, url)),
  }
}

function notOwn({ response, key }: StampAnswer, own: readonly Buffer[], { host }: URL): Buffer {
  if (!own.some((one) => one.equals(key))) return response
  throw new VerificationError('self-timed', `${host} stamps with the very key that signs the statements`, {
    subject: 'timestamp',
    remedy: 'Use a time stamp service that somebody else runs.',
  })
}

/** Whether a stored stamp is over these bytes and signed by the certificate that it names, whoever vouches for that. */
export function isOwnStamp(response: Uint8Array, bytes: Uint8Array): boolean {
  try {
    checkedSigner(readTimestamp(response), bytes)
    return true
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}

/**
 * Whether a service may lie inside of the machine that signs, which then states its own time (TRUST §5.7). A name that resolves to the machine is not
 * found: the policy of the reader pins the authority.
 */
export function isSelfTimed({ hostname }: URL): boolean {
  return reachesItself(hostname)
}

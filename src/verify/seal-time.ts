import { createPublicKey } from 'node:crypto'
import { sha256 } from '../base/streams.ts'
import { isWithin, type Window } from '../base/window.ts'
import { thumbprint } from '../journal/binding.ts'
import { spkiOf } from '../log/timestamp/authority.ts'
import { pointersOf } from './candidates.ts'
import type { Evidence } from './evidence.ts'
import { earliest, type SignatureTime } from './signature-times.ts'
import type { Claim } from './statements.ts'

/** Two clocks may differ by this. */
export const skewMs = 5 * 60_000

/**
 * When an evidence bundle was complete at the latest: the statement that names its manifest is signed after the seal, so its trusted time is the seal's.
 *
 * @param claims statements by the key of the evidence
 */
export function sealTime(evidence: Evidence, claims: readonly Claim[]): SignatureTime | null {
  const pointing = claims.filter((claim) => pointersOf(claim).includes(evidence.manifest))
  const [first] = earliest(pointing.flatMap(({ times }) => times.filter(({ by }) => by === evidence.key.pem)))
  return first ?? null
}

/** When a key of a job is good (TRUST §5.7): from the start of the job, with a difference of clocks, for as long as a job may take. */
export function jobWindow(start: Date, maxJobSeconds: number): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(start.getTime() - skewMs),
    notAfter: new Date(start.getTime() + maxJobSeconds * 1000),
  }
}

/** Whether a stamped time lies in a window with all of its accuracy. */
export function isSurelyWithin(window: Window, { time, accuracyMs }: SignatureTime): boolean {
  const at = (ms: number): Date => new Date(time.getTime() + ms)
  return isWithin(window, at(-accuracyMs)) && isWithin(window, at(accuracyMs))
}

/**
 * Whether a key that states the time is one that the job had in hand (TRUST §5.7): K itself, or a key that bindings or journal name by thumbprint, by the
 * digest of its SPKI, or by its coordinate.
 */
export function isSelfTimed({ keys }: Pick<SignatureTime, 'keys'>, evidence: Evidence): boolean {
  return keys.some((key) => isInHand(key, evidence))
}

function isInHand(key: Buffer, { open, seals, journal }: Evidence): boolean {
  const object = createPublicKey({ key, format: 'der', type: 'spki' })
  const names = [sha256(key).slice('sha256:'.length)]
  if (object.asymmetricKeyType === 'ec' || object.asymmetricKeyType === 'ed25519') {
    const { crv, x = '', y = '' } = object.export({ format: 'jwk' })
    names.push(x)
    if (crv === 'P-256') names.push(thumbprint({ kty: 'EC', crv, x, y }))
  }
  const texts = [journal.toString('latin1'), ...[open, ...seals].map(({ binding }) => JSON.stringify(binding))]
  return texts.some((text) => names.some((name) => text.includes(name))) || spkiOf(object).equals(keyOf(open))
}

function keyOf({ binding }: Evidence['open']): Buffer {
  return spkiOf(createPublicKey({ key: { ...binding.key }, format: 'jwk' }))
}

import { InputError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { jcs } from '../../encoding/jcs.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { predicateTypeOf, makeStatement } from '../../statement/statement.ts'
import type { StatusName } from '../../statement/notices.ts'
import { effectiveStatus, hasExpired, type StatusStatement } from '../../verify/status/effective.ts'
import { readNotices } from '../../verify/status/read.ts'
import { keepWritten } from '../sign/keep.ts'
import { openWriter, type StatementWriter } from '../sign/writer.ts'
import { openNoticeSigner, requireApart, type NoticeSigner, type NoticeSigning } from './signer.ts'
import { namedTargets } from './targets.ts'

/** What a publisher says, without what this run fills in. */
export interface NewStatus {
  status: StatusName
  /** superseded: the image that takes its place. */
  by?: { name: string; digest: { sha256: string } } | undefined
  reason?: string | undefined
  /** revoked: RFC 3339; the time of issue by default. */
  from?: string | undefined
  /** end-of-life: RFC 3339. */
  date?: string | undefined
}

export interface SetStatusRequest {
  image: string
  status: NewStatus
  /** Null for the one after the highest of this signer. */
  serial: number | null
  /** How long the statement holds; null for no end. */
  validSeconds: number | null
  /** Sign a new statement although one that says the same still stands. */
  renew: boolean
  /** Say nothing of the manifests of an index. */
  only: boolean
  signing: NoticeSigning
}

/** One manifest and the statement that now stands of it. */
export interface SetStatus {
  subject: Digest
  serial: number
  manifest: Digest
  state: 'added' | 'present'
}

/**
 * Signs a status of an image and, for an index, of each manifest in it, and attaches it. A statement that says the same and holds for another half of
 * its time is not signed again, so the command can run on a schedule.
 *
 * @throws InputError `input-invalid` for a signer that vouches for the image, `state-conflict` for a serial that is taken; TransportError
 */
export async function setStatus(request: SetStatusRequest, ports: Ports): Promise<SetStatus[]> {
  const { store, targets } = await namedTargets(request.image, request.only, ports)
  const signer = await openNoticeSigner(request.signing, ports)
  const now = ports.clock.now()
  const input = 'key' in request.signing ? 'key' : 'signer'
  // Everything is decided before anything is written: of an index all manifests get their statement, or none.
  const plans: { subject: Descriptor; standing: StatusStatement | null; serial: number }[] = []
  for (const subject of targets) {
    await requireApart(store, subject, signer, now, input)
    plans.push({ subject, ...(await planOf(store, subject.digest, signer, request, now)) })
  }
  const writers: StatementWriter[] = []
  const done: SetStatus[] = []
  for (const { subject, standing, serial } of plans) {
    if (standing !== null) {
      done.push({
        subject: subject.digest,
        serial: standing.predicate.serial,
        manifest: standing.manifest,
        state: 'present',
      })
      continue
    }
    const writer = await openWriter(
      { store, descriptor: subject },
      { legacy: { att: false, sig: false }, log: ports.log },
    )
    const predicate = predicateOf(request, serial, now)
    const payload = makeStatement('status', { name: store.identity, digest: subject.digest }, predicate)
    await writer.statement('status', payload, signer.of(subject.digest))
    await writer.finish()
    writers.push(writer)
    const [receipt] = writer.receipts
    if (receipt === undefined) throw new TypeError(`no receipt of ${predicateTypeOf('status')}`)
    done.push({ subject: subject.digest, serial, manifest: receipt.manifest, state: receipt.state })
  }
  await keepWritten(store, writers, ports)
  return done
}

/** The statement that already says what is asked for, or the serial of a new one. */
async function planOf(
  store: Store,
  subject: Digest,
  { trust }: NoticeSigner,
  request: SetStatusRequest,
  now: Date,
): Promise<{ standing: StatusStatement | null; serial: number }> {
  const { counted } = await readNotices('status', store, subject, trust, now)
  const {
    state,
    standing: [last],
  } = effectiveStatus(counted, now)
  const highest = Math.max(0, ...counted.map(({ predicate }) => predicate.serial))
  const isAsked = request.serial === null || last?.predicate.serial === request.serial
  const stands = last !== undefined && state !== 'contradictory' && saysTheSame(last, request, now)
  if (stands && isAsked && !request.renew) return { standing: last, serial: last.predicate.serial }
  if (request.serial !== null && request.serial <= highest)
    throw new InputError('state-conflict', `serial: ${request.serial} is not above ${highest}, which ${subject} has`, {
      subject: 'serial',
      remedy: `Set \`serial\` to ${highest + 1} or more, or leave \`serial\` out.`,
    })
  return { standing: null, serial: request.serial ?? highest + 1 }
}

/** Whether a statement says what is asked for, and does so for another half of its time. */
function saysTheSame(standing: StatusStatement, { status, validSeconds }: SetStatusRequest, now: Date): boolean {
  const { serial: _serial, issued, expires, ...said } = standing.predicate
  // A revocation without a time in the request is the one that stands, since whenever that was.
  const asked = status.status === 'revoked' ? { ...status, from: status.from ?? said.from } : status
  if (!jcs(plain(said)).equals(jcs(plain(asked))) || hasExpired(standing, now)) return false
  if (validSeconds === null) return true
  const half = new Date(Date.parse(issued) + (validSeconds * 1000) / 2)
  return expires !== undefined && now < half && now < new Date(Date.parse(expires) - (validSeconds * 1000) / 2)
}

function predicateOf({ status, validSeconds }: SetStatusRequest, serial: number, now: Date): JsonObject {
  const issued = seconds(now)
  const expires = validSeconds === null ? undefined : seconds(new Date(now.getTime() + validSeconds * 1000))
  const from = status.status === 'revoked' ? (status.from ?? issued) : undefined
  return plain({ ...status, serial, issued, expires, from })
}

/** Without members that are undefined. */
function plain(value: object): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined))
}

function seconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}

import { VerificationError } from '../../base/errors.ts'
import { windowOf } from '../../base/window.ts'
import { timedLog, type TimeWitnesses } from '../../log/entry-time.ts'
import type { PinnedLog } from '../../log/pinned-log.ts'
import { readAuthorityChain } from '../../log/timestamp/authority.ts'
import { parseWitnessKey } from '../../sign/cosignature.ts'
import type { TimeSources } from '../signature-times.ts'
import type { Resolved } from './files.ts'

type Time = NonNullable<Resolved['time']>

/**
 * The sources of trusted time that a policy pins, with its files read in.
 *
 * @param log that the policy pins, whose witnesses may state times
 * @throws VerificationError `format-invalid`, `unsupported`, `policy-invalid` for what cannot be a source, InputError `file-invalid` for the key
 *   of a witness
 */
export function timeSources(time: Time | undefined, log: PinnedLog | null): TimeSources {
  return {
    authorities: (time?.authorities ?? []).map(({ name, chain, policies, ...window }) => ({
      name,
      chain: readAuthorityChain(chain, `the time stamp authority "${name}"`),
      policies,
      window: windowOf(window),
    })),
    logs: (time?.logs ?? []).map(({ name, key, ...window }) => timedLog(name, key, windowOf(window))),
    witnesses: witnessesOf(time, log),
  }
}

/** A witness that only states times watches nothing, so each must be one of those that the log is read with. */
function witnessesOf(time: Time | undefined, log: PinnedLog | null): TimeWitnesses | null {
  const texts = time?.witnesses ?? []
  if (log === null || texts.length === 0) return null
  const keys = texts.map((text) => parseWitnessKey(text, 'time.witnesses'))
  const stranger = keys.find(
    ({ keyId, object }) => !log.witnesses.some((one) => one.keyId.equals(keyId) && one.object.equals(object)),
  )
  if (stranger !== undefined || new Set(keys.map(({ keyId }) => keyId.toString('hex'))).size < keys.length) {
    const why = stranger === undefined ? 'a witness is named twice' : `${stranger.name} is not a witness of the log`
    throw new VerificationError('policy-invalid', `time.witnesses: ${why}`, { subject: 'time.witnesses' })
  }
  return { log, keys, quorum: time?.['witness-quorum'] ?? keys.length }
}

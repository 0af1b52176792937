import type { Check } from '../../base/check.ts'
import { isWithin, windowText, type Window } from '../../base/window.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { checkChain } from '../../encoding/x509/chain.ts'
import { isSigned } from '../../encoding/x509/signature.ts'
import { extendedKeyUsageOid } from '../../encoding/x509/usage.ts'
import { digestOf, keyFault, timestampRefusal } from './algorithms.ts'
import { spkiOf, type StampedTime, type TimestampAuthority } from './authority.ts'
import { heldCertificates, isNamed, pathTo, signerOf } from './path.ts'
import { authorityFault, purposeFault } from './purpose.ts'
import { readTimestamp, type Timestamp } from './response.ts'
import { tstInfoOid } from './signed-data.ts'

/**
 * Verifies a time stamp: some pinned authority saw the bytes before the time that it states (RFC 3161 §2.2).
 *
 * @param response TimeStampResp or bare TimeStampToken in DER
 * @param signed the stamped bytes: for a statement, its raw signature
 * @param authorities who counts; certificates inside the token only fill the path to them
 * @throws VerificationError `format-invalid` naming the offset; `timestamp-invalid` with the first rule that did not hold
 */
export function verifyTimestamp(
  response: Uint8Array,
  signed: Uint8Array,
  authorities: readonly TimestampAuthority[],
): StampedTime {
  const stamp = readTimestamp(response)
  const other = imprintFault(stamp, signed)
  // Anybody can put stamps of other bytes beside a good signature: they cost one hash, before a certificate is read.
  if (other !== null) throw timestampRefusal(stamp.name, `is not accepted: ${other}`)
  const held = heldOnce(stamp)
  const failed: { reach: number; why: string }[] = []
  for (const authority of authorities) {
    const { checks, time } = examineTimestamp(stamp, signed, authority, held)
    if (time !== null) return time
    // The authority whose rules held longest tells the most: for others the path alone fails.
    const reach = checks.findIndex(({ ok }) => !ok)
    failed.push({ reach, why: `${authority.name}: ${checks[reach]?.why ?? 'no rule was applied'}` })
  }
  const [best] = failed.sort((a, b) => b.reach - a.reach)
  throw timestampRefusal(stamp.name, `is not accepted. ${best?.why ?? 'No time stamp authority is pinned'}`)
}

/**
 * Applies every rule for one pinned authority. The time is there if and only if each check is `ok`.
 *
 * @throws VerificationError `format-invalid` for a malformed extension of a certificate
 */
export function examineTimestamp(
  stamp: Timestamp,
  signed: Uint8Array,
  authority: TimestampAuthority,
  held: () => readonly Certificate[] = heldOnce(stamp),
): { checks: Check[]; time: StampedTime | null } {
  const { info, data, name } = stamp
  const signer = signerOf(data, authority.chain, name)
  const path = signer === null ? null : pathTo(authority.chain, signer, held, info.time)
  const checks = [
    check('imprint', imprintFault(stamp, signed)),
    check('content-type', data.attributes.contentType === tstInfoOid ? null : 'the signed content type is not TSTInfo'),
    check(
      'message-digest',
      digestOf(data.hash, data.content).equals(data.attributes.messageDigest)
        ? null
        : 'the signed digest is not that of the content',
    ),
    ...(signer === null
      ? [check('signer-certificate', 'the certificate of its signer is neither in the token nor pinned')]
      : signerChecks(stamp, signer)),
    ...(path === null
      ? [check('path', 'its signer has no path to the pinned certificates')]
      : pathChecks(stamp, path, authority)),
    check('authority-window', windowFault(info.time, authority)),
    check('authority-policy', policyFault(info.policy, authority)),
  ]
  const good = signer !== null && checks.every(({ ok }) => ok)
  return { checks, time: good ? timeOf(stamp, signer, authority) : null }
}

/**
 * The rules about the signer alone, whoever vouches for it: it is the one that the stamp names, its key is strong and signed the stamp, and its
 * certificate is for time stamps.
 */
export function signerChecks({ data, info }: Timestamp, signer: Certificate): Check[] {
  const { attributes, algorithm, signature } = data
  const foreign = info.authority !== null && !info.authority.equals(signer.subject)
  return [
    check(
      'signing-certificate',
      attributes.named.every((one) => isNamed(signer, one))
        ? null
        : 'a signing-certificate attribute names another certificate',
    ),
    check(
      'signer-key',
      nullOr(keyFault(signer.key), (fault) => `its signer has ${fault}`),
    ),
    check(
      'signature',
      isSigned(attributes.signed, algorithm, signature, signer.key)
        ? null
        : `the signature does not verify with the key of ${signer.name}`,
    ),
    check('purpose', purposeFault(signer)),
    check('authority-name', foreign ? 'it calls its authority otherwise than the certificate of its signer' : null),
  ]
}

/** The certificates of a stamp, read when the first authority asks for them and never again. */
function heldOnce({ data, name }: Timestamp): () => readonly Certificate[] {
  let held: Certificate[] | null = null
  return () => (held ??= heldCertificates(data, name))
}

function pathChecks({ info }: Timestamp, path: Certificate[], { chain }: TimestampAuthority): Check[] {
  const root = chain.at(-1)
  const above = path.slice(1)
  const weak = above.flatMap((one) => nullOr(keyFault(one.key), (fault) => `${one.name} has ${fault}`) ?? [])
  return [
    ...checkChain(path, {
      roots: new Set(root === undefined ? [] : [root.fingerprint]),
      at: info.time,
      understood: new Set([extendedKeyUsageOid]),
    }),
    check('authority-keys', weak[0] ?? null),
    check('authority-purposes', above.map(authorityFault).find((fault) => fault !== null) ?? null),
  ]
}

/** Why a stamp is not over some bytes; null where it is. */
export function imprintFault({ info: { imprint } }: Timestamp, signed: Uint8Array): string | null {
  return digestOf(imprint.hash, signed).equals(imprint.digest) ? null : 'it stamps other bytes'
}

function windowFault(time: Date, { window }: TimestampAuthority): string | null {
  const whole: Window = { notBefore: window?.notBefore ?? null, notAfter: window?.notAfter ?? null }
  return isWithin(whole, time) ? null : `it counts ${windowText(whole)}, and the stamp is of ${time.toISOString()}`
}

function policyFault(policy: string, { policies }: TimestampAuthority): string | null {
  return policies === undefined || policies.includes(policy)
    ? null
    : `the stamp was made under the policy ${policy}; accepted: ${policies.join(', ')}`
}

function timeOf({ info }: Timestamp, signer: Certificate, { name }: TimestampAuthority): StampedTime {
  const { time, accuracyMs, serial, policy } = info
  return { time, accuracyMs, serial, policy, authority: name, key: spkiOf(signer.key) }
}

/** A rule that holds where there is no fault. */
function check(name: string, fault: string | null): Check {
  return { name, ok: fault === null, why: fault ?? 'as it should be' }
}

function nullOr<T, R>(value: T | null, map: (value: T) => R): R | null {
  return value === null ? null : map(value)
}

import { SealwrightError } from '../../../base/errors.ts'
import { isObject, parseJson } from '../../../base/json.ts'
import { parseCertificate } from '../../../encoding/x509/certificate.ts'
import { commonNameOf } from '../../../encoding/x509/common-name.ts'
import { parseCrl } from '../../../encoding/x509/crl.ts'
import type { TdxCollateral } from './collateral.ts'
import { parsePckExtension, sgxExtension } from './pck.ts'
import { parseTdxQuote } from './quote.ts'

/**
 * The collateral of a quote's platform: same FMSPC, and a list of the very CA that issued its PCK certificate. Of several the one whose TCB
 * info is current, else the newest. It only picks: everything is checked afterwards, and a quote that can't be read gets none.
 */
export function selectCollateral(quote: Uint8Array, given: readonly TdxCollateral[], at: Date): TdxCollateral | null {
  const platform = platformOf(quote)
  if (platform === null) return null
  const fitting = given
    .map((collateral) => ({ collateral, ...readable(collateral) }))
    .filter(({ fmspc, issuer }) => fmspc === platform.fmspc && issuer?.equals(platform.issuer) === true)
    .sort((a, b) => b.from - a.from)
  const current = fitting.find(({ from, to }) => at.getTime() >= from && at.getTime() <= to)
  return (current ?? fitting[0])?.collateral ?? null
}

/** Why {@link selectCollateral} found nothing: the platform that was looked for, and those that the given collateral is of. */
export function describeMissing(quote: Uint8Array, given: readonly TdxCollateral[]): string {
  const platform = platformOf(quote)
  const wanted = platform === null ? '' : ` of FMSPC ${platform.fmspc} (${platform.ca})`
  const names = new Set(
    given.map((one) => {
      const { fmspc, issuer } = readable(one)
      return `${fmspc === '' ? 'no FMSPC' : fmspc} (${issuer === null ? 'no CA' : (commonNameOf(issuer) ?? 'no CA')})`
    }),
  )
  const found = names.size === 0 ? 'none was given' : `given: ${[...names].sort().join(', ')}`
  return `expected TCB info, QE identity and revocation lists${wanted}; ${found}`
}

function platformOf(bytes: Uint8Array): { fmspc: string; issuer: Buffer; ca: string } | null {
  return attempt(() => {
    const leaf = parseCertificate(parseTdxQuote(bytes).auth.pckChain[0] ?? Buffer.alloc(0), 'PCK certificate')
    const extension = leaf.extensions.get(sgxExtension)
    if (extension === undefined) return null
    const ca = leaf.issuerName ?? 'no CA'
    return { fmspc: parsePckExtension(extension.value).fmspc.toString('hex'), issuer: leaf.issuer, ca }
  })
}

function readable({ tcbInfo, pckCrl }: TdxCollateral): {
  fmspc: string | null
  from: number
  to: number
  issuer: Buffer | null
} {
  const value = attempt(() => parseJson(tcbInfo.bytes.toString('utf8'), 'TCB info'))
  const text = (name: string): string => {
    const member = isObject(value) ? value[name] : undefined
    return typeof member === 'string' ? member : ''
  }
  return {
    fmspc: text('fmspc').toLowerCase(),
    from: Date.parse(text('issueDate')) || 0,
    to: Date.parse(text('nextUpdate')) || 0,
    issuer: attempt(() => parseCrl(pckCrl, 'PCK CRL').issuer),
  }
}

function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof SealwrightError) return null
    throw error
  }
}

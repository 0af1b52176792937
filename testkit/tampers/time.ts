import type { ForgeOptions } from '../chain.ts'
import { makeAuthority, type TestAuthority } from '../timestamp/authority.ts'
import { makeResponse, makeToken } from '../timestamp/token.ts'
import { forged, type Tamper } from './kit.ts'

const minute = 60_000
const authority = makeAuthority()
const stranger = makeAuthority({ name: 'TSA of somebody else' })

/** The policy pins one authority and accepts nothing without it. */
const pinned = {
  time: { authorities: [{ name: 'pinned TSA', chain: authority.pem }] },
  'accept-unproven-time': undefined,
}

function stamped(by: TestAuthority, at: Date, minutes: number): Pick<ForgeOptions, 'stamps'> {
  const time = new Date(at.getTime() + minutes * minute)
  return { stamps: (_kind, signature) => [makeResponse(makeToken(by, signature, { at: time }))] }
}

/** Trusted time (TRUST §5.7): what a stolen key could try after its job. */
export const timeTampers: readonly Tamper[] = [
  forged('no time stamp', 'time-unproven', () => ({}), pinned),
  forged('time stamp by another authority', 'time-unproven', (_found, { at }) => stamped(stranger, at, 1), pinned),
  forged('time stamp after the job', 'expired', (_found, { at }) => stamped(authority, at, 6 * 60 + 1), pinned),
  forged('time stamp before the job', 'expired', (_found, { at }) => stamped(authority, at, -10), pinned),
  forged(
    'time stamp of another signature',
    'time-unproven',
    (_found, { at }) => ({
      stamps: () => [makeResponse(makeToken(authority, Buffer.from('another signature'), { at }))],
    }),
    pinned,
  ),
]

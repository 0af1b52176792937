/**
 * What a publisher or a receiver says of an image after its release. None of it speaks *for* the image, so a key that vouches for images never
 * signs it (TRUST §4), and the gate counts it only for the keys that the policy names for it.
 */
export const noticeTypes = {
  status: 'https://sealwright.dev/status/v1',
  archive: 'https://sealwright.dev/archive/v1',
  /** Its subject is a plan: what `kbs-publish` wrote to a KBS. */
  'kbs-state': 'https://sealwright.dev/kbs-state/v1',
} as const
export type NoticeKind = keyof typeof noticeTypes

export const statusNames = ['active', 'superseded', 'revoked', 'end-of-life'] as const
export type StatusName = (typeof statusNames)[number]

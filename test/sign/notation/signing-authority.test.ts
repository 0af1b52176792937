import { CborTag, type CborValue } from '../../../src/encoding/cbor/types.ts'
import { writeSign1 } from '../../../src/sign/cose/write.ts'
import { readNotation } from '../../../src/sign/notation/attach.ts'
import { attributes, notationPayloadType, schemes } from '../../../src/sign/notation/names.ts'
import { notationPayload } from '../../../src/sign/notation/payload.ts'
import { judgeNotation, type NotationTrust } from '../../../src/sign/notation/verify.ts'
import type { Descriptor } from '../../../src/oci/types.ts'
import { certified } from './fixtures.ts'

const target: Descriptor = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'a'.repeat(64)}`,
  size: 42,
}
const now = new Date('2026-06-01T00:00:00Z')
/** A leaf that expired years ago. */
const by = certified('P-256', { to: new Date('2025-01-01T00:00:00Z') })
const root = by.chain.slice(1)

/** Signs with the scheme in which the signer tells its own time: of when the leaf was still valid. */
async function failures(change: Partial<NotationTrust>): Promise<string[]> {
  const critical = [attributes.scheme, attributes.authenticSigningTime]
  const time = new CborTag(1, Date.parse('2024-06-01T00:00:00Z') / 1000)
  const signed = new Map<CborValue, CborValue>([
    [2, critical],
    [3, notationPayloadType],
    [attributes.scheme, schemes.signingAuthority],
    [attributes.authenticSigningTime, time],
  ])
  const unprotected = new Map<CborValue, CborValue>([[33, by.chain.map(({ bytes }) => bytes)]])
  const bytes = await writeSign1({ protected: signed, unprotected, payload: notationPayload(target) }, by.signer)
  const trust = { store: [], identities: '*' as const, stampedTime: null, now, ...change }
  return judgeNotation(readNotation(bytes, 'cose', 'it'), target, trust)
    .filter(({ ok }) => !ok)
    .map(({ name, why }) => `${name}: ${why}`)
}

test('a signing authority is believed about its own time', async () => {
  expect(await failures({ signingAuthorities: root })).toEqual([])
})

test('a signer of the other trust store cannot choose the scheme and with it its own time', async () => {
  expect(await failures({ store: root })).toEqual([
    'authenticity: no certificate of its chain is in the trust store of signing authorities',
  ])
})

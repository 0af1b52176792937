import type { JsonValue } from '../../src/base/json.ts'
import { quoteKey } from '../../src/kbs/tpm-key.ts'
import { rcarSession } from '../../src/kbs/rcar.ts'
import { sampleGuest } from '../../src/kbs/keyed-attester.ts'
import { fakeHttp, testPorts } from '../../testkit/ports.ts'

const quote = (algorithm: number): JsonValue => ({
  tpm_quote: { signature: Buffer.from([0, algorithm, 0, 0x0b]).toString('base64') },
})

/** What a KBS that answers `attest` with this status and problem makes of a guest with this evidence. */
function attested(evidence: JsonValue, status: number, problem: string): Promise<string> {
  const answer = async (url: string): Promise<Response> =>
    url.endsWith('/auth')
      ? Response.json({ nonce: 'n'.repeat(32) }, { headers: { 'set-cookie': `kbs-session-id=${'a'.repeat(32)}` } })
      : Response.json(
          { type: `https://github.com/confidential-containers/kbs/errors/${problem}`, detail: 'failed' },
          { status },
        )
  const ports = { ...testPorts(), http: fakeHttp(answer) }
  const guest = sampleGuest()
  const given = async (nonce: string): ReturnType<typeof guest.evidence> => ({
    ...(await guest.evidence(nonce)),
    evidence,
  })
  return rcarSession('http://127.0.0.1:1', { ...guest, technology: 'tpm', evidence: given }, ports).token()
}

test('an attestation that is refused names the key where the quote is by another than Trustee takes', async () => {
  await expect(attested(quote(0x18), 401, 'AttestationError')).rejects.toMatchObject({
    code: 'kbs-error',
    message: expect.stringMatching(/^attesting: the KBS answered 401 .*RSASSA keys alone/),
    remedy: 'Set `tpm-key: rsa`.',
  })
})

test.each([
  ['RSASSA', quote(0x14)],
  ['no quote', { svn: '1' }],
  ['a quote without signature', { tpm_quote: {} }],
])('%s: the remedy is that of the KBS', async (_, evidence) => {
  await expect(attested(evidence, 401, 'AttestationError')).rejects.toMatchObject({
    code: 'kbs-error',
    message: expect.stringMatching(/^attesting: /),
    remedy: 'Look at the log of the KBS.',
  })
})

test('kinds of keys', () => {
  expect([quote(0x14), quote(0x16), quote(0x18), null, {}].map(quoteKey)).toEqual([
    ...['rsassa', 'other', 'other'],
    ...[null, null],
  ])
})

import { readPem } from '../../../src/encoding/pem.ts'
import { VerificationError } from '../../../src/base/errors.ts'
import { parseCertificate, type Certificate } from '../../../src/encoding/x509/certificate.ts'
import { verifyTimestamp } from '../../../src/log/timestamp/verify.ts'
import type { Descriptor } from '../../../src/oci/types.ts'
import { readNotation } from '../../../src/sign/notation/attach.ts'
import { readNotationPayload } from '../../../src/sign/notation/payload.ts'
import { judgeNotation, type NotationTrust } from '../../../src/sign/notation/verify.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { cose, coseFiles } from '../cose/vectors.ts'

const go = 'notation-go'
const stamped = `${go}/verifier/testdata/timestamp/sigEnv`
const stores = `${go}/verifier/testdata/truststore/x509`

function certificate(path: string): Certificate {
  const bytes = cose(path)
  const der = bytes[0] === 0x30 ? bytes : readPem(bytes.toString(), path)[0]?.bytes
  if (der === undefined) throw new Error(`${path} is not a certificate`)
  return parseCertificate(der, path, 'signer')
}

/** Stamps by the authority with this root. */
const by =
  (root: Certificate): NonNullable<NotationTrust['stampedTime']> =>
  (token, signature) =>
    verifyTimestamp(token, signature, [{ name: root.name, chain: [root] }])

/** Everything that the samples trust. */
function trust(): NotationTrust {
  const trusted = (kind: string): Certificate[] =>
    coseFiles(`${stores}/${kind}/valid-trust-store/*.{crt,pem}`).map(certificate)
  const authority = certificate(`${stores}/tsa/test-timestamp/globalsignRoot.cer`)
  return {
    store: trusted('ca'),
    signingAuthorities: trusted('signingAuthority'),
    identities: '*',
    stampedTime: by(authority),
    now: new Date('2026-11-30T00:00:00Z'),
  }
}

/** `NAME: reason` of the steps that do not hold, or the refusal of the reader. */
function failures(path: string, judged: NotationTrust): string[] {
  const bytes = cose(path)
  try {
    const signature = readNotation(bytes, bytes[0] === 0xd2 ? 'cose' : 'jws', 'it')
    // The samples have no image: the descriptor that they sign stands in for it.
    const target = readNotationPayload(signature.payload, 'it') as unknown as Descriptor
    return judgeNotation(signature, target, judged)
      .filter(({ ok }) => !ok)
      .map(({ name, why }) => `${name}: ${why}`)
  } catch (error) {
    if (error instanceof VerificationError) return [error.message]
    throw error
  }
}

const expired = 'expiry: the signature expired at 2022-07-29T23:59:00.000Z'
const unknown = 'authenticity: no certificate of its chain is in the trust store'
const foreign = /^it has the critical attribute .*, which is not supported$/
const verdicts: [string, (string | RegExp)[]][] = [
  [`${stamped}/coseWithTimestamp.sig`, []],
  [`${stamped}/jwsWithTimestamp.sig`, []],
  [`${stamped}/withoutTimestamp.sig`, []],
  [`${stamped}/coseExpiredWithTimestamp.sig`, [unknown]],
  [`${stamped}/jwsExpiredWithTimestamp.sig`, [unknown]],
  [`${stamped}/timestampAfterNotAfter.sig`, [unknown, /^authentic-timestamp: .* to 2001-09-18T.*, not at 2024-06-19T/]],
  [`${stamped}/timestampBeforeNotBefore.sig`, [/^authentic-timestamp: .* from 2099-09-18T.*, not at 2024-06-19T/]],
  [`${go}/internal/testdata/cose_signature.sig`, [unknown]],
  [`${go}/internal/testdata/jws_signature.sig`, [unknown]],
  [`${go}/internal/mock/testdata/ca_valid_sig_env.json`, []],
  [`${go}/internal/mock/testdata/sa_valid_sig_env.json`, []],
  [`${go}/internal/mock/testdata/ca_expired_sig_env.json`, [expired]],
  [`${go}/internal/mock/testdata/sa_expired_sig_env.json`, [expired]],
  [`${go}/internal/mock/testdata/ca_invalid_sig_env.json`, ['it is not base64url']],
  [`${go}/internal/mock/testdata/sa_invalid_sig_env.json`, ['it is not base64url']],
  [`${go}/internal/mock/testdata/ca_plugin_sig_env.json`, [foreign]],
  [`${go}/internal/mock/testdata/sa_plugin_sig_env.json`, [foreign]],
  [`${go}/internal/mock/testdata/ca_compatible_pluginver_sig_env_1.0.0.json`, [foreign]],
  [`${go}/internal/mock/testdata/ca_incompatible_pluginver_sig_env_1.1.0-alpha.json`, [foreign]],
]
for (const [path, expected] of verdicts) {
  withPeers([`vectors:cose/${path}`, `vectors:cose/${stores}`], `${path} gets its verdict`, () => {
    expect(failures(path, trust())).toEqual(
      expected.map((reason) => (typeof reason === 'string' ? reason : (expect.stringMatching(reason) as string))),
    )
    return Promise.resolve()
  })
}

withPeers([`vectors:cose/${stamped}`, `vectors:cose/${stores}`], 'a stamp counts only by a trusted authority', () => {
  const path = `${stamped}/coseWithTimestamp.sig`
  const other = certificate(`${stores}/tsa/test-mismatch/DigiCertTSARootSHA384.cer`)
  const judged = { ...trust(), stampedTime: by(other) }
  expect(failures(path, judged)).toEqual([expect.stringContaining('authentic-timestamp: ')])
  // Without any authority the certificates must be valid now.
  expect(failures(path, { ...trust(), stampedTime: null, now: new Date('2200-01-01') })).toEqual([
    expect.stringMatching(/^authentic-timestamp: .* not at 2200-01-01/),
  ])
  return Promise.resolve()
})

withPeers(
  [`vectors:cose/${stamped}`, `vectors:cose/${stores}`],
  'an identity counts by all attributes that it names',
  () => {
    const judge = (identities: NotationTrust['identities']): string[] =>
      failures(`${stamped}/coseWithTimestamp.sig`, { ...trust(), identities })
    expect(judge([])).toEqual([
      expect.stringMatching(/^identity: the signer is C=US, .*which the trust policy does not name$/),
    ])
    expect(judge([{ C: 'US' }])).toEqual([])
    expect(judge([{ C: 'US', CN: 'other' }])).toHaveLength(1)
    expect(judge([{ C: 'DE' }, { '2.5.4.6': 'US' }])).toEqual([])
    expect(judge([{}])).toHaveLength(1)
    return Promise.resolve()
  },
)

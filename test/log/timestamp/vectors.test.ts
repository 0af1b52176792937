import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VerificationError } from '../../../src/base/errors.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import type { StampedTime, TimestampAuthority } from '../../../src/log/timestamp/authority.ts'
import { readTimestamp, type Timestamp } from '../../../src/log/timestamp/response.ts'
import { examineTimestamp, verifyTimestamp } from '../../../src/log/timestamp/verify.ts'
import { flip } from '../../../testkit/mutate.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'

interface Root {
  timestampAuthorities: {
    uri: string
    certChain: { certificates: { rawBytes: string }[] }
    validFor: { start: string; end?: string | null }
  }[]
}

interface Bundle {
  verificationMaterial: { timestampVerificationData?: { rfc3161Timestamps?: { signedTimestamp: string }[] } }
  messageSignature?: { signature: string }
  dsseEnvelope?: { signatures: { sig: string }[] }
}

const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

function authoritiesOf(path: string): TimestampAuthority[] {
  return (json(path) as Root).timestampAuthorities.map(({ uri, certChain, validFor: { start, end } }) => ({
    name: uri,
    chain: certChain.certificates.map(({ rawBytes }) =>
      parseCertificate(Buffer.from(rawBytes, 'base64'), uri, 'signer'),
    ),
    window: { notBefore: new Date(start), notAfter: typeof end === 'string' ? new Date(end) : null },
  }))
}

/** Cases of the suite that fail for their stamp, by what is wrong with it. All others carry good stamps, whatever else is wrong. */
const wrong: Readonly<Record<string, string>> = {
  'rekor2-timestamp-outside-trust-root-tsa-validity_fail': 'it counts from',
  'rekor2-timestamp-payload-mismatch_fail': 'stamps other bytes',
  'rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail': 'no path to the pinned certificates',
  'rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail': 'neither in the token nor pinned',
}

withPeers(['vectors:sigstore/conformance'], 'stamps of the Sigstore conformance suite', async () => {
  const folder = vector('sigstore/conformance/bundle-verify')
  const publicRoot = vector('sigstore/roots/pgi-trusted_root-from-@sigstore-tuf-seed.json')
  const found = new Map<string, string>()
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    const own = join(folder, entry.name)
    const bundle = bundleOf(join(own, 'bundle.sigstore.json'))
    const stamp = bundle?.verificationMaterial.timestampVerificationData?.rfc3161Timestamps?.[0]?.signedTimestamp
    const signature = bundle?.messageSignature?.signature ?? bundle?.dsseEnvelope?.signatures[0]?.sig
    if (stamp === undefined || signature === undefined) continue
    const root = existsSync(join(own, 'trusted_root.json')) ? join(own, 'trusted_root.json') : publicRoot
    found.set(
      entry.name,
      outcome(() => verifyTimestamp(decode(stamp), decode(signature), authoritiesOf(root)).authority),
    )
  }
  for (const [name, why] of Object.entries(wrong))
    expect([name, found.get(name)]).toEqual([name, expect.stringContaining(why)])
  const good = [...found].filter(([name]) => !(name in wrong))
  expect(good.length).toBeGreaterThanOrEqual(19)
  for (const [name, authority] of good) expect([name, authority]).toEqual([name, expect.stringMatching(/^https?:/)])
})

const decode = (text: string): Buffer => Buffer.from(text, 'base64')

function outcome(verify: () => string): string {
  try {
    return verify()
  } catch (error) {
    if (error instanceof VerificationError) return error.message
    throw error
  }
}

/** Some cases are bundles that are no JSON, on purpose. */
function bundleOf(path: string): Bundle | null {
  try {
    return json(path) as Bundle
  } catch {
    return null
  }
}

const envelopes = 'cose/notation-go/verifier/testdata'

function pinned(path: string): TimestampAuthority {
  const bytes = readFileSync(vector(`${envelopes}/truststore/x509/tsa/${path}`))
  return { name: path, chain: [parseCertificate(bytes, path, 'signer')] }
}

function jws(name: string): { stamp: Buffer; signature: Buffer } {
  const file = json(vector(`${envelopes}/timestamp/sigEnv/${name}`)) as {
    signature: string
    header: Record<string, string>
  }
  return {
    stamp: decode(file.header['io.cncf.notary.timestampSignature'] ?? ''),
    signature: Buffer.from(file.signature, 'base64url'),
  }
}

/** The signature is the last member of COSE_Sign1, the token the only DER of its kind. */
function cose(name: string): { stamp: Buffer; signature: Buffer } {
  const bytes = readFileSync(vector(`${envelopes}/timestamp/sigEnv/${name}`))
  return { stamp: tokenIn(bytes), signature: bytes.subarray(-256) }
}

const notary = ['vectors:cose/notation-go']
const globalSign = (): TimestampAuthority => pinned('test-timestamp/globalsignRoot.cer')

withPeers(notary, 'stamps of Notary Project signatures are by GlobalSign, and by nobody else', async () => {
  for (const { stamp, signature } of [
    jws('jwsWithTimestamp.sig'),
    jws('jwsExpiredWithTimestamp.sig'),
    cose('coseWithTimestamp.sig'),
    cose('coseExpiredWithTimestamp.sig'),
  ]) {
    const { accuracyMs, time } = verifyTimestamp(stamp, signature, [globalSign()])
    expect([accuracyMs, time.getUTCFullYear()]).toEqual([1000, 2024])
    for (const path of ['test-mismatch/DigiCertTSARootSHA384.cer', 'test-nonSelfIssued/nonSelfIssued.crt'])
      expect(() => verifyTimestamp(stamp, signature, [pinned(path)])).toThrow('no path to the pinned certificates')
    expect(() => verifyTimestamp(stamp, flip(signature, 9), [globalSign()])).toThrow('stamps other bytes')
  }
})

withPeers(notary, 'a bit of each 16th byte of a real stamp is refused, or changes nothing', async () => {
  const { stamp, signature } = cose('coseWithTimestamp.sig')
  const { data } = readTimestamp(stamp)
  const root = data.certificates.at(-1)!
  const unread = { from: stamp.indexOf(root), to: stamp.indexOf(root) + root.length }
  const expected = verifyTimestamp(stamp, signature, [globalSign()])
  for (let byte = 0; byte < stamp.length; byte += 16) {
    const changed = (): StampedTime =>
      verifyTimestamp(flip(stamp, byte * 8 + ((byte >> 4) & 7)), signature, [globalSign()])
    // The root inside of the token is not what is pinned: it may be missing, so it may be damaged.
    if (byte > unread.from + 4 && byte < unread.to && outcome(() => changed().authority) === expected.authority)
      expect(changed()).toEqual(expected)
    else expect(changed).toThrow(VerificationError)
  }
})

withPeers(notary, 'tokens that Notary Project keeps as wrong are refused', async () => {
  for (const [name, why] of [
    ['TimeStampTokenWithInvalidTSTInfo.p7s', 'lacks a time'],
    ['TimeStampTokenWithInvalideContentType.p7s', 'not TSTInfo'],
  ] as const) {
    const bytes = readFileSync(vector(`${envelopes}/timestamp/countersignature/${name}`))
    expect(() => verifyTimestamp(bytes, Buffer.alloc(0), [globalSign()])).toThrow(why)
  }
})

withPeers(['vectors:cose/notation-core-go'], 'a token with a damaged signature fails at the signature', async () => {
  const token = (path: string): Timestamp => readTimestamp(readFileSync(vector(`cose/${path}`)))
  const failing = (stamp: Timestamp): string[] =>
    examineTimestamp(stamp, Buffer.from('what was stamped is not known'), globalSign())
      .checks.filter(({ ok }) => !ok)
      .map(({ name }) => name)
  // The certificates lead over GlobalSign's R6 to its R3: the pinned R6 is found although the token holds another one of that name.
  expect(failing(token('notation-go/verifier/testdata/timestamp/countersignature/TimeStampToken.p7s'))).toEqual([
    'imprint',
  ])
  const damaged = token('notation-core-go/internal/timestamp/testdata/TimeStampTokenWithInvalidSignature.p7s')
  expect(failing(damaged)).toEqual(['imprint', 'signature'])
})

withPeers(['vectors:cose/azure-uvm'], 'stamps of UVM endorsements are over the raw signature', async () => {
  for (const name of ['uvm_endorsements-7ae383f5.cose', 'uvm_endorsements-d45c3689.cose']) {
    const bytes = readFileSync(vector(`cose/azure-uvm/${name}`))
    const stamp = readTimestamp(tokenIn(bytes))
    expect([stamp.info.accuracyMs, stamp.info.policy]).toEqual([500, '1.3.6.1.4.1.601.10.3.1'])
    const [, intermediate] = stamp.data.certificates.map((one) => parseCertificate(one, 'held', 'signer'))
    // The root is neither in the token nor among the vectors: with what is there, the end of the path alone fails.
    const { checks, time } = examineTimestamp(stamp, bytes.subarray(-384), { name: 'held', chain: [intermediate!] })
    expect(time).toBeNull()
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['chain-signatures'])
  }
})

/** The one ContentInfo with SignedData among other bytes. */
function tokenIn(bytes: Buffer): Buffer {
  const oid = bytes.indexOf(Buffer.from('06092a864886f70d010702', 'hex'))
  const start = oid - 4
  expect([oid, bytes[start], bytes[start + 1]]).toEqual([
    bytes.lastIndexOf(Buffer.from('06092a864886f70d010702', 'hex')),
    0x30,
    0x82,
  ])
  return bytes.subarray(start, start + 4 + bytes.readUInt16BE(start + 2))
}

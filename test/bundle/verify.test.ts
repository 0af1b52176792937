import { createHash, sign } from 'node:crypto'
import { artifactOf, artifactOfDigest } from '../../src/bundle/artifact.ts'
import { wholePattern, type IdentityRule } from '../../src/bundle/identity.ts'
import { readBundle } from '../../src/bundle/read.ts'
import { verifyBundle, type BundleRules, type VerifiedBundle } from '../../src/bundle/verify.ts'
import { pae } from '../../src/sign/dsse.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parseTrustedRoot } from '../../src/sign/trusted-root.ts'
import { payloadType } from '../../src/statement/types.ts'
import { flip } from '../../testkit/mutate.ts'
import {
  bundleBytes,
  envelopeBody,
  hashedrekord1,
  hashedrekord2,
  payloadOf,
  rekorEntry,
  signKeyed,
  signKeyless,
  stampOf,
  tileEntry,
  type BundleParts,
  type Logged,
} from '../../testkit/sigstore/bundle.ts'
import {
  accountName,
  actionsIssuer,
  emailName,
  makeLeaf,
  makeSigstore,
  signedAt,
  spki,
  trustedRootOf,
  uriName,
  verifiedAt,
  workflowSan,
  type LeafOptions,
  type RootOptions,
} from '../../testkit/sigstore/instance.ts'
import { makeKey } from '../../testkit/tee/pki/pki.ts'

const sigstore = makeSigstore()
const root = parseTrustedRoot(Buffer.from(trustedRootOf(sigstore)))
const artifact = artifactOf(Buffer.from('an artifact'), 'artifact.txt')
const leaf = makeLeaf(sigstore)
const key = makeKey('P-256')
const otherKey = makeKey('P-256')
const exact: IdentityRule = { name: 'release', issuer: actionsIssuer, san: { exact: workflowSan }, claims: {} }
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function check(parts: BundleParts, rules: Partial<BundleRules> = {}, bytes = bundleBytes(parts)): VerifiedBundle {
  return verifyBundle(readBundle(bytes), artifact, {
    signer: { kind: 'identity', rules: [exact] },
    root,
    now: verifiedAt,
    ...rules,
  })
}

/** The reason for which something is refused, with its message. */
function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return `${String(error.code)}: ${error.message}`
    throw error
  }
  return 'accepted'
}

const withLeaf = (options: LeafOptions): BundleParts => signKeyless(sigstore, makeLeaf(sigstore, options), {})
const pem = (pair: typeof key): string => pair.publicKey.export({ format: 'pem', type: 'spki' }).toString()
const pinned = (pair: typeof key): Partial<BundleRules> => ({
  signer: { kind: 'key', key: loadPublicKey(pem(pair)) },
})

test('a keyless signature with Rekor v2 and a stamp, and one with Rekor v1, verify and say who, when and where', () => {
  const tiles = check(signKeyless(sigstore, leaf, {}))
  expect(tiles.signer).toMatchObject({ kind: 'certificate', rule: { name: 'release' } })
  expect(tiles.times.map(({ time }) => time)).toEqual([signedAt])
  expect(tiles.entries.map(({ kind, version, proof, time }) => [kind, version, proof, time])).toEqual([
    ['hashedrekord', '0.0.2', 'inclusion', null],
  ])
  expect(tiles.notes).toEqual([])
  const rekor = check(signKeyless(sigstore, leaf, { log: 'rekor' }))
  expect(rekor.times).toEqual([{ time: signedAt, accuracyMs: 0, by: 'https://rekor.sigstore.test' }])
})

test('a certificate with a trusted time that lies outside of its minutes is refused as expired', () => {
  const late = new Date(signedAt.getTime() + 3600_000)
  const early = new Date(signedAt.getTime() - 3600_000)
  for (const stampAt of [late, early])
    expect(refusal(() => check(signKeyless(sigstore, leaf, { stampAt })))).toMatch(
      /^expired: .*was not valid when it signed/,
    )
  const parts = signKeyless(sigstore, leaf, { log: 'rekor' })
  // A second time that does not fit is not outvoted by a first that does.
  expect(refusal(() => check({ ...parts, stamps: [stampOf(sigstore, parts.signature, late)] }))).toMatch(/^expired/)
})

test('without a trusted time there is no verdict, and the reason of each stamp is told', () => {
  const parts = signKeyless(sigstore, leaf, {})
  expect(refusal(() => check({ ...parts, stamps: [] }))).toMatch(/^time-unproven/)
  const foreign = stampOf(makeSigstore('other.test'), parts.signature)
  expect(refusal(() => check({ ...parts, stamps: [foreign] }))).toMatch(
    /^time-unproven: .*a time stamp does not count: /,
  )
  const ofOther = stampOf(sigstore, Buffer.from('another signature'))
  expect(refusal(() => check({ ...parts, stamps: [ofOther] }))).toMatch(/^time-unproven/)
  const future = stampOf(sigstore, parts.signature, new Date(verifiedAt.getTime() + 1000))
  expect(refusal(() => check({ ...parts, stamps: [future] }))).toMatch(/^time-unproven: .*in the future/)
  // What is of no use beside a good one is noted, not refused: anybody can add it.
  expect(check({ ...parts, stamps: [...parts.stamps, foreign] }).notes).toHaveLength(1)
})

test('a log entry from the future is refused', () => {
  const parts = signKeyless(sigstore, leaf, { log: 'rekor' })
  expect(refusal(() => check(parts, { now: new Date(signedAt.getTime() - 1000) }))).toMatch(/^log-invalid: .*future/)
})

test('the log has to have seen this artifact, this signature and this signer', () => {
  for (const log of ['tiles', 'rekor'] as const) {
    const parts = signKeyless(sigstore, leaf, { log })
    const entry = (logged: Partial<Logged>): object => {
      const whole = {
        bytes: parts.artifact,
        signature: parts.signature,
        verifier: { certificate: leaf.der },
        ...logged,
      }
      return log === 'tiles'
        ? tileEntry(sigstore.tiles, hashedrekord2(whole))
        : rekorEntry(sigstore.rekor, hashedrekord1(whole))
    }
    expect(refusal(() => check({ ...parts, entries: [entry({})] }))).toBe('accepted')
    expect(refusal(() => check({ ...parts, entries: [entry({ bytes: Buffer.from('other') })] }))).toMatch(
      /^log-invalid: .*another artifact/,
    )
    const signature = sign('sha256', parts.artifact, leaf.key.privateKey)
    expect(refusal(() => check({ ...parts, entries: [entry({ signature })] }))).toMatch(
      /^log-invalid: .*another signature/,
    )
    const certificate = makeLeaf(sigstore, { key: leaf.key, claims: { 20: 'push' } }).der
    expect(refusal(() => check({ ...parts, entries: [entry({ verifier: { certificate } })] }))).toMatch(
      /^log-invalid: .*another key or certificate/,
    )
    // The bare key of the certificate is no signer: the log would not show the identity.
    const publicKey = spki(leaf.key.publicKey)
    expect(refusal(() => check({ ...parts, entries: [entry({ verifier: { publicKey } })] }))).toMatch(/^log-invalid/)
  }
})

test('an entry by a key that is not the pinned one does not count for a key either', () => {
  const parts = signKeyed(sigstore, key, {})
  expect(check(parts, pinned(key)).signer.kind).toBe('key')
  const verifier = { publicKey: spki(otherKey.publicKey) }
  const entry = tileEntry(
    sigstore.tiles,
    hashedrekord2({ bytes: parts.artifact, signature: parts.signature, verifier }),
  )
  expect(refusal(() => check({ ...parts, entries: [entry] }, pinned(key)))).toMatch(/^log-invalid: .*another key/)
})

test('a key that is valid, but another one, is signature-invalid', () => {
  const parts = signKeyed(sigstore, key, {})
  expect(refusal(() => check(parts, pinned(otherKey)))).toMatch(/^signature-invalid/)
  const statement = signKeyed(sigstore, key, { payload: payloadOf([{ digest: { sha256: sha256(parts.artifact) } }]) })
  expect(refusal(() => check(statement, pinned(otherKey)))).toMatch(/^signature-invalid/)
  expect(refusal(() => check(statement, pinned(key)))).toBe('accepted')
})

test('a key where an identity is expected, and the other way round, is told as that', () => {
  expect(refusal(() => check(signKeyed(sigstore, key, {})))).toMatch(/^key-mismatch: an identity is expected/)
  expect(refusal(() => check(signKeyless(sigstore, leaf, {}), pinned(key)))).toMatch(/^key-mismatch: a public key/)
})

test('an envelope with two signatures is refused, whoever made the second', () => {
  const payload = payloadOf([{ digest: { sha256: sha256(Buffer.from('an artifact')) } }])
  const parts = signKeyless(sigstore, leaf, { payload })
  expect(refusal(() => check(parts))).toBe('accepted')
  const second = sign('sha256', pae(payloadType, payload), otherKey.privateKey).toString('base64')
  const bytes = bundleBytes(parts, (bundle) => {
    const envelope = bundle['dsseEnvelope'] as { signatures: object[] }
    envelope.signatures.push({ sig: second })
  })
  expect(refusal(() => check(parts, {}, bytes))).toMatch(/^format-invalid: .*exactly one signature/)
})

test('the identity is compared whole: no prefix, suffix, case or other issuer passes', () => {
  const good = workflowSan
  for (const san of [
    `${good}.evil.test`,
    `https://evil.test/?${good}`,
    good.slice(0, -1),
    good.toUpperCase(),
    good.replace('acme/app', 'acme/app-evil'),
  ]) {
    const parts = withLeaf({ san: [uriName(san)] })
    expect(refusal(() => check(parts))).toMatch(/^identity-mismatch: signed by a certificate for /)
    const tags = wholePattern(
      'https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/v\\d+\\.\\d+\\.\\d+',
    )
    const signer = { kind: 'identity', rules: [{ ...exact, san: tags }] } as const
    expect(refusal(() => check(parts, { signer }))).toMatch(/^identity-mismatch/)
    expect(refusal(() => check(signKeyless(sigstore, leaf, {}), { signer }))).toBe('accepted')
  }
  const email = withLeaf({ san: [emailName('me@acme.test')] })
  const rule = { ...exact, san: { exact: 'me@acme.test' } }
  expect(check(email, { signer: { kind: 'identity', rules: [rule] } }).signer).toMatchObject({
    identity: { san: { kind: 'email' } },
  })
  for (const other of ['me@acme.test.evil', 'xme@acme.test'])
    expect(
      refusal(() => check(withLeaf({ san: [emailName(other)] }), { signer: { kind: 'identity', rules: [rule] } })),
    ).toMatch(/^identity-mismatch/)
})

test('a pattern that would escape its anchors is no pattern', () => {
  expect(() => wholePattern('a)|(?:b')).toThrow(SyntaxError)
  const rule = wholePattern('a|b')
  expect('pattern' in rule && ['a', 'b', 'ab', 'xa', 'bx'].map((text) => rule.pattern.test(text))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
})

test('the issuer is compared whole, and that of one enterprise is named', () => {
  const slug = `${actionsIssuer}/acme-corp`
  const parts = withLeaf({ issuer: slug })
  expect(refusal(() => check(parts))).toMatch(/^identity-mismatch: .*issuer of one enterprise/)
  expect(check(parts, { signer: { kind: 'identity', rules: [{ ...exact, issuer: slug }] } }).signer.kind).toBe(
    'certificate',
  )
  expect(
    refusal(() =>
      check(signKeyless(sigstore, leaf, {}), { signer: { kind: 'identity', rules: [{ ...exact, issuer: slug }] } }),
    ),
  ).toMatch(/^identity-mismatch/)
  expect(refusal(() => check(withLeaf({ issuer: null })))).toMatch(/^identity-mismatch: .*its issuer is not there/)
})

test('the earlier form of the issuer counts alone, and never beside another one', () => {
  expect(refusal(() => check(withLeaf({ issuer: null, claims: { 1: actionsIssuer } })))).toBe('accepted')
  expect(refusal(() => check(withLeaf({ claims: { 1: 'https://issuer.evil' } })))).toMatch(
    /^certificate-invalid: .*two values of the claim issuer/,
  )
})

test('claims of the certificate are compared one by one', () => {
  const parts = withLeaf({ claims: { 11: 'self-hosted', 12: 'https://github.com/acme/app', 20: 'push' } })
  const rules = (claims: IdentityRule['claims']): Partial<BundleRules> => ({
    signer: { kind: 'identity', rules: [{ ...exact, claims }] },
  })
  expect(refusal(() => check(parts, rules({ runnerEnvironment: { exact: 'self-hosted' } })))).toBe('accepted')
  expect(refusal(() => check(parts, rules({ runnerEnvironment: { exact: 'github-hosted' } })))).toMatch(
    /^identity-mismatch: .*claim runnerEnvironment is "self-hosted"/,
  )
  expect(refusal(() => check(parts, rules({ sourceRepositoryRef: { exact: 'refs/heads/main' } })))).toMatch(
    /claim sourceRepositoryRef is not there/,
  )
})

test('a certificate names one identity, in one of three forms', () => {
  expect(refusal(() => check(withLeaf({ san: null })))).toMatch(/^certificate-invalid: .*names no identity/)
  expect(refusal(() => check(withLeaf({ san: [] })))).toMatch(/^certificate-invalid: .*exactly one/)
  expect(refusal(() => check(withLeaf({ san: [uriName(workflowSan), uriName('https://evil.test')] })))).toMatch(
    /^certificate-invalid: .*exactly one/,
  )
  const account = withLeaf({ san: [accountName('bob!acme.test')] })
  const rule = { ...exact, san: { exact: 'bob!acme.test' } }
  expect(check(account, { signer: { kind: 'identity', rules: [rule] } }).signer.kind).toBe('certificate')
  expect(refusal(() => check(withLeaf({ san: [uriName('https://a.test/\u0001')] })))).toMatch(/printable ASCII/)
})

test('a certificate needs a timestamp by a log that is trusted, over itself, at a time that counts', () => {
  expect(refusal(() => check(withLeaf({ sct: 'none' })))).toMatch(
    /^certificate-invalid: .*no signed certificate timestamp/,
  )
  expect(refusal(() => check(withLeaf({ sct: 'other-log' })))).toMatch(
    /^certificate-invalid: .*no certificate timestamp of a log/,
  )
  expect(refusal(() => check(withLeaf({ sct: 'other-certificate' })))).toMatch(/^certificate-invalid: .*did not sign/)
  expect(refusal(() => check(withLeaf({ sctTime: new Date('2019-01-01T00:00:00Z') })))).toMatch(
    /^certificate-invalid: .*outside the time/,
  )
  expect(refusal(() => check(withLeaf({ sct: 'none' }), { certificateTimestamps: 0 }))).toBe('accepted')
})

test('a certificate for something else than code signing, or of an unknown authority, is refused', () => {
  expect(refusal(() => check(withLeaf({ purposes: null })))).toMatch(/^certificate-invalid: .*not for code signing/)
  expect(refusal(() => check(withLeaf({ purposes: ['1.3.6.1.5.5.7.3.8'] })))).toMatch(
    /^certificate-invalid: .*not for code signing/,
  )
  expect(refusal(() => check(withLeaf({ usage: 0x20 })))).toMatch(/^certificate-invalid: .*digital signatures/)
  const other = makeSigstore('sigstore.test')
  const parts = signKeyless(sigstore, makeLeaf(other), {})
  expect(refusal(() => check(parts))).toMatch(/^certificate-invalid: .*chain/)
  const named = signKeyless(sigstore, makeLeaf(makeSigstore('else.test')), {})
  expect(refusal(() => check(named))).toMatch(/^certificate-invalid: .*not issued by an authority/)
})

test('the window of authority and log is compared with the proven time', () => {
  const rooted = (options: RootOptions): Partial<BundleRules> => ({
    root: parseTrustedRoot(Buffer.from(trustedRootOf(sigstore, options))),
  })
  const window = { start: '2020-01-01T00:00:00Z', end: '2026-10-31T00:00:00Z' }
  const parts = signKeyless(sigstore, leaf, {})
  expect(refusal(() => check(parts, rooted({ authorityWindow: window })))).toMatch(/^expired: .*authority/)
  expect(refusal(() => check(parts, rooted({ tlogWindow: window })))).toMatch(/^log-invalid: the key of the log/)
  expect(refusal(() => check(signKeyless(sigstore, leaf, { log: 'rekor' }), rooted({ tlogWindow: window })))).toMatch(
    /^log-invalid/,
  )
  // The end belongs to the window.
  const until = { start: '2020-01-01T00:00:00Z', end: signedAt.toISOString() }
  expect(refusal(() => check(parts, rooted({ tlogWindow: until, authorityWindow: until })))).toBe('accepted')
  for (const without of ['tlogs', 'certificateAuthorities', 'ctlogs', 'timestampAuthorities'] as const)
    expect(refusal(() => check(parts, rooted({ without: [without] })))).toMatch(
      {
        tlogs: /^log-invalid/,
        certificateAuthorities: /^certificate-invalid/,
        ctlogs: /^certificate-invalid/,
        timestampAuthorities: /^time-unproven/,
      }[without],
    )
})

test('entries: none, of a log that is not trusted, twice, and unneeded', () => {
  const parts = signKeyless(sigstore, leaf, {})
  expect(refusal(() => check({ ...parts, entries: [] }))).toMatch(/^log-invalid: the bundle has 0 entries/)
  expect(refusal(() => check({ ...parts, entries: [] }, { entries: 0 }))).toBe('accepted')
  expect(refusal(() => check({ ...parts, entries: [...parts.entries, ...parts.entries] }))).toMatch(
    /^log-invalid: .*twice/,
  )
  const foreign = signKeyless(makeSigstore('other.test'), leaf, {}).entries
  expect(refusal(() => check({ ...parts, entries: foreign }))).toMatch(/^log-invalid: .*does not name/)
  expect(check({ ...parts, entries: [...parts.entries, ...foreign] }).notes).toHaveLength(1)
  expect(refusal(() => check(parts, { entries: 2 }))).toMatch(/^log-invalid: the bundle has 1 entries/)
})

test('any bit of an entry that is changed is seen', () => {
  for (const log of ['tiles', 'rekor'] as const) {
    const parts = signKeyless(sigstore, leaf, { log })
    const [entry] = parts.entries as [Record<string, unknown>]
    const body = Buffer.from(String(entry['canonicalizedBody']), 'base64')
    for (let bit = 3; bit < body.length * 8; bit += 509) {
      const changed = { ...entry, canonicalizedBody: flip(body, bit).toString('base64') }
      expect(refusal(() => check({ ...parts, entries: [changed] }))).toMatch(/^log-invalid/)
    }
    const proof = entry['inclusionProof'] as { hashes: string[]; checkpoint: { envelope: string } }
    const spoiled = [
      { ...proof, hashes: proof.hashes.slice(1) },
      { ...proof, hashes: [...proof.hashes].reverse() },
      { ...proof, logIndex: '2' },
      { ...proof, treeSize: '7' },
      { ...proof, checkpoint: { envelope: '' } },
      { ...proof, checkpoint: { envelope: proof.checkpoint.envelope.replace('\n6\n', '\n7\n') } },
      { ...proof, checkpoint: undefined },
    ]
    for (const inclusionProof of spoiled)
      expect(refusal(() => check({ ...parts, entries: [{ ...entry, inclusionProof }] }))).toMatch(/^log-invalid/)
    expect(
      refusal(() => check({ ...parts, entries: [{ ...entry, kindVersion: { kind: 'dsse', version: '0.0.1' } }] })),
    ).toMatch(/^log-invalid/)
  }
})

test('a promise or a time in an entry of Rekor v2 is refused: that log gives none', () => {
  const parts = signKeyless(sigstore, leaf, {})
  const entry = { ...(parts.entries[0] as object), integratedTime: '1793534400' }
  expect(refusal(() => check({ ...parts, entries: [entry] }))).toMatch(/^log-invalid: .*Rekor v2/)
})

test('Rekor v1: the time counts only with the promise, and the promise covers it', () => {
  const parts = signKeyless(sigstore, leaf, { log: 'rekor' })
  const [entry] = parts.entries as [Record<string, unknown>]
  const seconds = Number(entry['integratedTime'])
  expect(refusal(() => check({ ...parts, entries: [{ ...entry, integratedTime: String(seconds + 1) }] }))).toMatch(
    /^log-invalid: .*promise/,
  )
  expect(refusal(() => check({ ...parts, entries: [{ ...entry, inclusionPromise: undefined }] }))).toMatch(
    /^time-unproven/,
  )
  expect(refusal(() => check({ ...parts, entries: [{ ...entry, logIndex: '43' }] }))).toMatch(/^log-invalid: .*promise/)
})

test('entries over an envelope: every kind, this payload and this signature', () => {
  const payload = payloadOf([{ digest: { sha256: sha256(Buffer.from('an artifact')) } }])
  const other = payloadOf([{ digest: { sha256: sha256(Buffer.from('another')) } }])
  const parts = signKeyless(sigstore, leaf, { payload })
  const signed = { signature: parts.signature, verifier: { certificate: leaf.der } }
  const entries = (of: Buffer): Record<string, object> => ({
    dsse: rekorEntry(sigstore.rekor, envelopeBody('dsse', of, signed)),
    intoto: rekorEntry(sigstore.rekor, envelopeBody('intoto', of, signed)),
    dsse2: tileEntry(sigstore.tiles, envelopeBody('dsse2', of, signed)),
    hashedrekord2: tileEntry(sigstore.tiles, hashedrekord2({ bytes: pae(payloadType, of), ...signed })),
  })
  for (const entry of Object.values(entries(payload)))
    expect(refusal(() => check({ ...parts, entries: [entry] }))).toBe('accepted')
  for (const entry of Object.values(entries(other)))
    expect(refusal(() => check({ ...parts, entries: [entry] }))).toMatch(/^log-invalid: .*another artifact/)
  // An entry over the payload's own hash is about a file, not about the envelope.
  const bare = tileEntry(sigstore.tiles, hashedrekord2({ bytes: payload, ...signed }))
  expect(refusal(() => check({ ...parts, entries: [bare] }))).toMatch(/^log-invalid: .*another artifact/)
})

test('subjects: one of several suffices, null and empty ones are no subject, sha512 counts, md5 does not', () => {
  const bytes = Buffer.from('an artifact')
  const hash = (name: string): string => createHash(name).update(bytes).digest('hex')
  const judge = (subjects: unknown): string =>
    refusal(() => check(signKeyless(sigstore, leaf, { payload: payloadOf(subjects as never) })))
  expect(judge([{ digest: { sha256: 'ab'.repeat(32) } }, { digest: { sha256: hash('sha256') } }])).toBe('accepted')
  expect(judge([{ digest: { sha512: hash('sha512') } }])).toBe('accepted')
  expect(judge([{ digest: { sha256: 'ab'.repeat(32) } }])).toMatch(/^subject-mismatch/)
  expect(judge([{ digest: { md5: hash('md5') } }])).toMatch(/^subject-mismatch/)
  expect(judge([{ digest: { sha256: hash('sha256'), sha512: 'ab'.repeat(64) } }])).toMatch(/^subject-mismatch/)
  for (const subjects of [[], [null], [{ digest: null }], [{ digest: {} }], null])
    expect(judge(subjects)).toMatch(/^(format-invalid|subject-mismatch)/)
})

test('another predicate type than the expected one is predicate-mismatch, and a bundle over a file makes no statement', () => {
  const payload = payloadOf(
    [{ digest: { sha256: sha256(Buffer.from('an artifact')) } }],
    'https://example.test/failed/v1',
  )
  const predicateTypes = ['https://sigstore.dev/cosign/sign/v1']
  expect(refusal(() => check(signKeyless(sigstore, leaf, { payload }), { predicateTypes }))).toMatch(
    /^predicate-mismatch/,
  )
  expect(refusal(() => check(signKeyless(sigstore, leaf, {}), { predicateTypes }))).toMatch(/^predicate-mismatch/)
})

test('another file than the signed one is subject-mismatch; a bundle without the digest is none', () => {
  const parts = signKeyless(sigstore, leaf, { artifact: Buffer.from('another file') })
  expect(refusal(() => check(parts))).toMatch(/^subject-mismatch/)
  const bytes = bundleBytes(parts, (bundle) => {
    delete (bundle['messageSignature'] as { messageDigest?: object }).messageDigest
  })
  expect(refusal(() => check(parts, {}, bytes))).toMatch(/^format-invalid: messageDigest/)
})

test('by digest alone: the same verdicts as by bytes', () => {
  const parts = signKeyless(sigstore, leaf, {})
  const by = (digest: string): string =>
    refusal(() =>
      verifyBundle(readBundle(bundleBytes(parts)), artifactOfDigest(`sha256:${digest}`), {
        signer: { kind: 'identity', rules: [exact] },
        root,
        now: verifiedAt,
      }),
    )
  expect(by(sha256(parts.artifact))).toBe('accepted')
  expect(by('ab'.repeat(32))).toMatch(/^subject-mismatch/)
})

test('a chain in a bundle: in order, without a root, and only to find the way', () => {
  const parts = signKeyless(sigstore, leaf, { log: 'rekor' })
  const chain = (...certificates: Buffer[]): BundleParts => ({
    ...parts,
    version: '0.2',
    material: {
      x509CertificateChain: { certificates: certificates.map((bytes) => ({ rawBytes: bytes.toString('base64') })) },
    },
  })
  expect(refusal(() => check(chain(leaf.der)))).toBe('accepted')
  expect(refusal(() => check(chain(leaf.der, sigstore.intermediate)))).toBe('accepted')
  expect(refusal(() => check(chain(leaf.der, sigstore.intermediate, sigstore.root)))).toMatch(/^format-invalid: .*root/)
  expect(refusal(() => check(chain(leaf.der, sigstore.root, sigstore.intermediate)))).toMatch(
    /^format-invalid: .*follow/,
  )
  expect(refusal(() => check(chain()))).toMatch(/^format-invalid: .*empty chain/)
  const evil = makeSigstore('sigstore.test')
  const forged = signKeyless(sigstore, makeLeaf(evil), { log: 'rekor' })
  const withOwn = {
    ...forged,
    version: '0.2' as const,
    material: chain(readDerOf(forged), evil.intermediate).material,
  }
  expect(refusal(() => check(withOwn))).toMatch(/^certificate-invalid/)
  // An authority that pins its root alone: the intermediate comes with the bundle.
  const rootOnly = JSON.parse(trustedRootOf(sigstore)) as {
    certificateAuthorities: { certChain: { certificates: object[] } }[]
  }
  rootOnly.certificateAuthorities[0]?.certChain.certificates.shift()
  const pinnedRoot = { root: parseTrustedRoot(Buffer.from(JSON.stringify(rootOnly))) }
  expect(refusal(() => check(chain(leaf.der, sigstore.intermediate), pinnedRoot))).toBe('accepted')
  expect(refusal(() => check(chain(leaf.der), pinnedRoot))).toMatch(/^certificate-invalid/)
})

function readDerOf(parts: BundleParts): Buffer {
  const { certificate } = parts.material as { certificate: { rawBytes: string } }
  return Buffer.from(certificate.rawBytes, 'base64')
}

test('a version 0.1 entry needs its promise, later ones their proof', () => {
  const parts = signKeyless(sigstore, leaf, { log: 'rekor' })
  const [entry] = parts.entries as [Record<string, unknown>]
  const bare = { ...entry, inclusionProof: undefined }
  expect(refusal(() => check({ ...parts, version: '0.1', entries: [bare] }))).toBe('accepted')
  expect(refusal(() => check({ ...parts, version: '0.2', entries: [bare] }))).toMatch(
    /^format-invalid: .*inclusion proof/,
  )
  expect(
    refusal(() => check({ ...parts, version: '0.1', entries: [{ ...entry, inclusionPromise: undefined }] })),
  ).toMatch(/^format-invalid: .*promise/)
})

test('members that stand twice, two kinds of signer and two kinds of content are refused', () => {
  const parts = signKeyless(sigstore, leaf, {})
  const text = bundleBytes(parts).toString()
  const reads = (changed: string): string => refusal(() => readBundle(Buffer.from(changed)))
  expect(reads(text.replace('"tlogEntries"', '"tlogEntries":[],"tlogEntries"'))).toMatch(/twice/)
  expect(reads(text.replace('"tlogEntries"', '"publicKey":{"hint":"x"},"tlogEntries"'))).toMatch(/exactly one of/)
  expect(reads(text.replace('"messageSignature"', '"dsseEnvelope":{},"messageSignature"'))).toMatch(/exactly one of/)
  expect(reads(text.replace('"tlogEntries"', '"TlogEntries"'))).toMatch(/another spelling/)
})

test('a key without a trusted root: entries and stamps are not looked at, and that is told', () => {
  const parts = signKeyed(sigstore, key, {})
  const { notes, times, entries } = check(parts, { ...pinned(key), root: null })
  expect([times, entries]).toEqual([[], []])
  expect(notes).toEqual(['log entries and time stamps were not verified: no trusted root was given'])
})

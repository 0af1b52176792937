import { VerificationError } from '../../../src/base/errors.ts'
import { readHashEnvelope } from '../../../src/sign/cose/hash-envelope.ts'
import { readClaims } from '../../../src/sign/cose/claims.ts'
import { coseKeyThumbprint, readCoseKey } from '../../../src/sign/cose/key.ts'
import { parseSign1, sigStructure, type Sign1 } from '../../../src/sign/cose/sign1.ts'
import { verifySign1, type VerifyOptions } from '../../../src/sign/cose/verify.ts'
import { checkThumbprint, readChain } from '../../../src/sign/cose/x509.ts'
import { createHash, createPublicKey } from 'node:crypto'
import { withPeers } from '../../../testkit/peers.ts'
import { cose, coseFiles, coseJson, exampleKey, type Example, type Gluecose } from './vectors.ts'

const done = (): Promise<void> => Promise.resolve()

/** Null for a good message, otherwise the code of the refusal. */
function verdict(verify: () => unknown): string | null {
  try {
    verify()
    return null
  } catch (error) {
    if (error instanceof VerificationError) return error.code
    throw error
  }
}

/** What the examples of the working group need that our default refuses, each by name. */
const exampleOptions: Record<string, VerifyOptions & { untagged?: boolean }> = {
  'sign-pass-01': { unprotectedAlgorithm: true },
  'sign-pass-03': { untagged: true },
  'ecdsa-sig-04': { bindCurve: false },
}

withPeers(['vectors:cose/cose-wg-examples'], 'examples of the COSE working group get their verdict', () => {
  const verdicts = { good: 0, bad: 0 }
  for (const path of coseFiles('cose-wg-examples/*/*.json')) {
    const { input, output, intermediates, fail = false } = coseJson(path) as Example
    // HSS-LMS has no key that Node.js could read.
    if (input.sign0 === undefined || input.sign0.key['kty'] === 'HSS-LMS') continue
    const { key, external } = input.sign0
    const options = Object.entries(exampleOptions).find(([name]) => path.includes(name))?.[1] ?? {}
    const externalAad = Buffer.from(external ?? '', 'hex')
    const run = (more: typeof options): string | null =>
      verdict(() => {
        const message = parseSign1(Buffer.from(output.cbor, 'hex'), path, more)
        const payload = verifySign1(message, exampleKey(key), { ...more, externalAad })
        const covered = sigStructure(message.protectedBytes, externalAad, payload).toString('hex').toUpperCase()
        if (intermediates.ToBeSign_hex !== undefined && !fail) expect(covered).toBe(intermediates.ToBeSign_hex)
      })
    expect([path, run(options) === null]).toEqual([path, !fail])
    // Without what it needs, the strict reader refuses it.
    if (Object.keys(options).length > 0) expect([path, run({})]).not.toEqual([path, null])
    verdicts[fail ? 'bad' : 'good'] += 1
  }
  expect(verdicts.good).toBeGreaterThanOrEqual(9)
  expect(verdicts.bad).toBeGreaterThanOrEqual(4)
  return done()
})

withPeers(['vectors:cose/cose-wg-examples'], 'messages of the working group that are no COSE_Sign1 are refused', () => {
  let count = 0
  for (const path of coseFiles('cose-wg-examples/*/*.json')) {
    const { input, output } = coseJson(path) as Example
    if (input.sign0 !== undefined) continue
    count += 1
    expect([path, verdict(() => parseSign1(Buffer.from(output.cbor, 'hex'), path))]).toEqual([path, 'format-invalid'])
  }
  expect(count).toBeGreaterThanOrEqual(14)
  return done()
})

withPeers(['vectors:cose/gluecose'], 'vectors of gluecose get their verdict', () => {
  let count = 0
  for (const path of coseFiles('gluecose/*.json')) {
    const { key, 'sign1::verify': verify, 'sign1::sign': sign } = coseJson(path) as Gluecose
    const hex = verify?.taggedCOSESign1.cborHex ?? sign?.expectedOutput.cborHex ?? ''
    const message = parseSign1(Buffer.from(hex, 'hex'), path)
    const externalAad = Buffer.from(verify?.external ?? '', 'hex')
    const found = verdict(() => verifySign1(message, exampleKey(key), { externalAad }))
    expect([path, found === null]).toEqual([path, verify?.shouldVerify ?? true])
    if (sign !== undefined) {
      const covered = sigStructure(message.protectedBytes, externalAad, Buffer.from(sign.payload, 'hex'))
      expect(covered.toString('hex')).toBe(sign.tbsHex.cborHex.toLowerCase())
    }
    count += 1
  }
  expect(count).toBeGreaterThanOrEqual(10)
  return done()
})

/** Verifies under the leaf of the chain that the message carries. The chain itself is not judged here. */
function underLeaf(path: string, options: VerifyOptions = {}): Sign1 {
  const message = parseSign1(cose(path), path)
  const [leaf] = readChain(message)
  if (leaf === undefined) throw new Error(`${path} carries no certificate`)
  checkThumbprint(message, leaf)
  verifySign1(message, leaf.key, options)
  return message
}

const scheme = 'io.cncf.notary.signingScheme'
const real: [string, VerifyOptions, string | null, string | null][] = [
  ['azure-uvm/uvm_endorsements-7ae383f5.cose', {}, null, null],
  ['azure-uvm/uvm_endorsements-d45c3689.cose', {}, null, null],
  ['cosesign1go/pkg/cosesign1/esrp.test.cose', {}, null, null],
  [
    'cosesign1go/pkg/cosesign1/aci-cc-ttl.ttl.cose',
    { bindCurve: false },
    null,
    'acidevacr.azurecr.io/internal/aci/aci-cc-ttl',
  ],
  ['cosesign1go/pkg/cosesign1/esrp_transparent_hash_envelop.cose', {}, 'sha384', 'ContainerPlat-AMD-UVM'],
  ['cosesign1go/pkg/cosesign1/esrp_with_grafted_receipt.cose', {}, 'sha384', 'ContainerPlat-AMD-UVM'],
  ['scitt-ccf/test/payloads/cosesign1tool-scitt-a3be7e5.cose', {}, null, 'unknown.intent'],
  ['scitt-ccf/test/payloads/cts-hashv-cwtclaims-b64url.cose', {}, null, 'Test'],
  ['scitt-ccf/test/payloads/manifest.spdx.json.sha384.digest.cose', {}, null, 'test.submission-1'],
  ['scitt-cose/test-vectors/v1/valid-ccf-vds2/statement.cose', {}, null, null],
  ['transmute/1ts-statement.scitt', {}, 'sha384', 'experimental/microsoft/phi-4-reasoning'],
  ['transmute/2ts-statement.scitt', {}, 'sha384', 'experimental/microsoft/phi-4-reasoning'],
  ['notation-go/internal/testdata/cose_signature.sig', { understood: [scheme] }, null, null],
  ['notation-go/verifier/testdata/timestamp/sigEnv/coseWithTimestamp.sig', { understood: [scheme] }, null, null],
  ['notation-go/verifier/testdata/timestamp/sigEnv/coseExpiredWithTimestamp.sig', { understood: [scheme] }, null, null],
  ['notation-go/verifier/testdata/timestamp/sigEnv/timestampAfterNotAfter.sig', { understood: [scheme] }, null, null],
]
for (const [path, options, hash, subject] of real) {
  withPeers([`vectors:cose/${path}`], `${path} is signed by the leaf that it carries`, () => {
    const message = underLeaf(path, options)
    expect(readHashEnvelope(message)?.hash.name ?? null).toBe(hash)
    expect(readClaims(message)?.subject ?? null).toBe(subject)
    if (Object.keys(options).length > 0) expect(verdict(() => underLeaf(path))).not.toBeNull()
    // A changed payload or protected header is not signed.
    for (const change of [
      { payload: Buffer.from('other') },
      { protectedBytes: Buffer.concat([message.protectedBytes.subarray(0, -1), Buffer.from([0])]) },
    ]) {
      const [leaf] = readChain(message)
      if (leaf === undefined) throw new Error('no leaf')
      expect(verdict(() => verifySign1({ ...message, ...change }, leaf.key, options))).toBe('signature-invalid')
    }
    return done()
  })
}

withPeers(
  ['vectors:cose/scitt-ccf/test/payloads'],
  'statements of attested services verify under the key that they carry',
  () => {
    const paths = coseFiles('scitt-ccf/test/payloads/css-attested-*.cose')
    for (const path of paths) {
      const message = parseSign1(cose(path), path)
      const critical = message.protected.array(2)?.map((item) => (item.kind === 'text' ? item.value : '')) ?? []
      const attested = message.protected.map(critical[0] ?? '')
      const item = attested?.get('cose_key')
      if (item === undefined) throw new Error(`${path} carries no key`)
      const { key } = readCoseKey(item, path)
      verifySign1(message, key, { understood: critical })
      expect(verdict(() => verifySign1(message, key))).toBe('format-invalid')
      const thumbprint = coseKeyThumbprint(key)
      const report = attested?.bytes('attestation')
      expect(report?.subarray(0x50, 0x70).toString('hex')).toBe(thumbprint.toString('hex'))
    }
    expect(paths.length).toBeGreaterThanOrEqual(2)
    return done()
  },
)

withPeers(['vectors:cose/scitt-cose'], 'signed statements of scitt-cose get their verdict', () => {
  const folders = coseFiles('scitt-cose/test-vectors/v1/*/expected.json').map((path) =>
    path.slice(0, -'/expected.json'.length),
  )
  for (const folder of folders) {
    const expected = coseJson(`${folder}/expected.json`) as {
      statement_signature_valid: boolean
      payload_sha256: string
    }
    const key = createPublicKey(cose(`${folder}/issuer-key.pub`))
    const message = parseSign1(cose(`${folder}/statement.cose`), folder)
    const found = verdict(() => verifySign1(message, key))
    expect([folder, found]).toEqual([folder, expected.statement_signature_valid ? null : 'signature-invalid'])
    expect(
      createHash('sha256')
        .update(message.payload ?? '')
        .digest('hex'),
    ).toBe(expected.payload_sha256)
  }
  expect(folders.length).toBeGreaterThanOrEqual(6)
  return done()
})

withPeers(['vectors:cose/transmute/hash-envelope.cbor'], 'an unprotected header that is undefined is refused', () => {
  expect(() => parseSign1(cose('transmute/hash-envelope.cbor'), 'it')).toThrow(
    'has an unprotected header that is not a map',
  )
  return done()
})

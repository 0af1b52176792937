import { readFileSync } from 'node:fs'
import { VerificationError } from '../../src/base/errors.ts'
import { parseCertificate, type Certificate } from '../../src/encoding/x509/certificate.ts'
import { resolveDidX509, type DidX509 } from '../../src/sign/did-x509.ts'
import { parseDidX509 } from '../../src/sign/did-x509-grammar.ts'
import { parseSign1 } from '../../src/sign/cose/sign1.ts'
import { readChain } from '../../src/sign/cose/x509.ts'
import { readClaims } from '../../src/sign/cose/claims.ts'
import { vector, withPeers } from '../../testkit/peers.ts'
import { cose } from './cose/vectors.ts'

interface Vector {
  id: string
  input: { did: string; chain: string[] }
  output: { error: string } | { document: Document }
}
interface Document {
  id: string
  verificationMethod: { publicKeyJwk: unknown }[]
  authentication?: string[]
  assertionMethod?: string[]
  keyAgreement?: string[]
}

function resolve({ did, chain }: Vector['input'], at: Date | null = null): DidX509 | string {
  try {
    const certificates = chain.map((one, n) =>
      parseCertificate(Buffer.from(one, 'base64url'), `certificate ${n}`, 'signer'),
    )
    return resolveDidX509(did, certificates, at)
  } catch (error) {
    if (error instanceof VerificationError) return error.message
    throw error
  }
}

/** What our refusal must say for an error of the vectors. */
const reasons: [RegExp, RegExp][] = [
  [/certificate signature failure/, /the signature of certificate 0 is not by certificate 1/],
  [/at least two certificates/, /needs a chain of at least two certificates/],
  [/unhandled critical extension/, /has the critical extension/],
  [/duplicate attributes/, /has the name 2\.5\.4\.3 twice/],
  [/Certificate does not contain a Fulcio issuer/, /was not issued for/],
  [/Fulcio issuer predicate does not match/, /was not issued for/],
  [/invalid CA certificate/, /may not sign certificates/],
  [/key usage does not support DID operations/, /may neither sign nor agree on keys/],
  [/path length constraint exceeded/, /stands above \d authorities/],
  [/permitted subtree violation/, /does not permit the dns name/],
  [/excluded subtree violation/, /does not permit the excluded dns name/],
  [/Supplied chain does not match/, /is not issued by the subject of/],
  [/unsupported SAN type/, /an alternative name of a kind that is not supported/],
  [/paths are not supported/, /has a path/],
  [/queries are not supported/, /has a query/],
  [/at least one predicate/, /has no predicate/],
  [/EKU/, /does not name the purpose/],
  [/DID prefix is invalid/, /is not a did:x509 of version 0/],
  [/SAN predicate does not match/, /does not have the \w+ name/],
  [/SAN predicate requires exactly one/, /a san predicate that is not/],
  [/contains duplicate fields/, /twice/],
  [/Subject predicate does not match/, /has another CN in its subject/],
  [/contains an unknown key/, /which is not known/],
  [/requires key-value pairs/, /not pairs/],
  [/unknown predicate/, /which is not known/],
  [/Fingerprint algorithm is not supported/, /which is not supported/],
  [/CA fingerprint does not match/, /names an authority that is not in the chain/],
]

withPeers(['vectors:cose/did-x509'], 'all vectors of did:x509 get their verdict, for their own reason', () => {
  const vectors = JSON.parse(readFileSync(vector('cose/did-x509/test-vectors.json'), 'utf8')) as Vector[]
  const count = { resolved: 0, refused: 0 }
  for (const { id, input, output } of vectors) {
    const found = resolve(input)
    if ('error' in output) {
      const expected = reasons.find(([error]) => error.test(output.error))?.[1]
      expect([id, found]).toEqual([id, expect.stringMatching(expected ?? /no reason is known/)])
      count.refused += 1
      continue
    }
    if (typeof found === 'string') throw new Error(`${id}: ${found}`)
    const { document } = output
    expect([id, found.did]).toEqual([id, document.id])
    expect(found.leaf.key.export({ format: 'jwk' })).toEqual(document.verificationMethod[0]?.publicKeyJwk)
    expect([id, found.assertionMethod, found.assertionMethod, found.keyAgreement]).toEqual([
      id,
      document.assertionMethod !== undefined,
      document.authentication !== undefined,
      document.keyAgreement !== undefined,
    ])
    count.resolved += 1
  }
  expect(vectors.length).toBeGreaterThanOrEqual(58)
  expect(count.resolved).toBeGreaterThanOrEqual(20)
  expect(count.refused).toBeGreaterThanOrEqual(30)
  return Promise.resolve()
})

const uvm = 'cosesign1go/pkg/cosesign1/esrp_transparent_hash_envelop.cose'
withPeers([`vectors:cose/${uvm}`], 'a real endorsement resolves, inside the lifetime of its certificates only', () => {
  const message = parseSign1(cose(uvm), 'it')
  const chain: Certificate[] = readChain(message)
  const issuer = readClaims(message)?.issuer ?? ''
  const [leaf] = chain
  if (leaf === undefined) throw new Error('no leaf')
  expect(resolveDidX509(issuer, chain, leaf.notBefore).leaf.fingerprint).toBe(leaf.fingerprint)
  expect(() => resolveDidX509(issuer, chain, new Date('2050-01-01'))).toThrow(
    'expired on 2026-05-15T18:57:03.000Z; judged at 2050',
  )
  return Promise.resolve()
})

const start = `did:x509:0:sha256:${'A'.repeat(43)}`
test.each([
  ['did:x509:1:sha256:A::eku:1.2', 'is not a did:x509 of version 0'],
  [`did:x509:0:sha256:${'A'.repeat(42)}::eku:1.2`, 'not a base64url sha256'],
  [`did:x509:0:sha256:${'A'.repeat(42)}=::eku:1.2`, 'not a base64url sha256'],
  [`${start}:more::eku:1.2`, 'is not a did:x509 of version 0'],
  [`${start}::`, 'which is not known'],
  [`${start}::eku`, 'not one OID'],
  [`${start}::eku:`, 'empty or not percent-encoded'],
  [`${start}::eku:1.02`, 'not one OID'],
  [`${start}::eku:1.2:1.3`, 'not one OID'],
  [`${start}::subject:CN:a b`, 'not percent-encoded'],
  [`${start}::subject:CN:%ff`, 'not UTF-8'],
  [`${start}::subject:CN:a:2.5.4.3:b`, 'twice'],
  [`${start}::subject:constructor:a`, 'which is not known'],
  [`${start}::san:ip:1.2.3.4`, 'not email, dns or uri'],
  [`${start}::fulcio-issuer:a:b`, 'not one name'],
  [`${start}::eku:1.2${'9'.repeat(8192)}`, 'more than 8192 characters'],
])('%s is not a did:x509', (did, why) => {
  expect(() => parseDidX509(did)).toThrow(
    expect.objectContaining({ code: 'format-invalid', message: expect.stringContaining(why) }) as Error,
  )
})

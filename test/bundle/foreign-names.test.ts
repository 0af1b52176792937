import { readBundle } from '../../src/bundle/read.ts'
import { readEntryBody } from '../../src/log/rekor/body.ts'

// Names that every object inherits: a table that has them would give a function for an algorithm.
const inherited = ['constructor', 'toString', '__proto__']

test.each(inherited)('the hash "%s" of a bundle is unknown', (algorithm) => {
  const bundle = `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{"publicKey":{"hint":"x"}},
    "messageSignature":{"signature":"AAAA","messageDigest":{"algorithm":"${algorithm}","digest":"AAAA"}}}`
  expect(() => readBundle(Buffer.from(bundle))).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})

test.each(inherited)('the hash "%s" of a log entry is unknown', (algorithm) => {
  const body = `{"kind":"hashedrekord","apiVersion":"0.0.1","spec":{"signature":{"content":"AAAA","publicKey":{"content":"AAAA"}},
    "data":{"hash":{"algorithm":"${algorithm}","value":"00"}}}}`
  expect(() => readEntryBody(Buffer.from(body))).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})

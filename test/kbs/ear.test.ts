import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { SignJWT } from 'jose'
import { VerificationError } from '../../src/base/errors.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { checkEar, signersOf } from '../../src/kbs/ear.ts'
import { makeCertificate, makeKey } from '../../testkit/tee/pki/pki.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const at = new Date('2026-11-24T12:00:00Z')
const seconds = at.getTime() / 1000
const good = {
  eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
  iat: seconds,
  exp: seconds + 300,
  submods: { cpu0: { 'ear.status': 'affirming', 'ear.veraison.annotated-evidence': { sample: {} } } },
}
const sign = (claims: object, alg = 'ES256') => new SignJWT({ ...claims }).setProtectedHeader({ alg }).sign(privateKey)

describe('EAR tokens', () => {
  test('a pinned key', async () => {
    expect(checkEar(await sign(good), { keys: [publicKey] }, at).status).toBe('affirming')
  })

  test('no pin, another key, expired, from the future, profile, no cpu0, changed, not a JWT', async () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
    const token = await sign(good)
    const refuse = (text: string, keys = [publicKey]) => expect(() => checkEar(text, { keys }, at))
    refuse(token, []).toThrow('not signed by a key')
    refuse(token, [other]).toThrow('not signed by a key')
    refuse(await sign({ ...good, exp: seconds - 61 })).toThrow('outside its time')
    refuse(await sign({ ...good, iat: seconds + 120 })).toThrow('outside its time')
    refuse(await sign({ ...good, eat_profile: 'x' })).toThrow('profile')
    refuse(await sign({ ...good, submods: {} })).toThrow('cpu0')
    const [head, , signature] = token.split('.')
    refuse(`${head}.${Buffer.from(JSON.stringify(good)).toString('base64url')}x.${signature}`).toThrow()
    refuse('a.b').toThrow('no JWT')
    refuse(`${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.AA`).toThrow('none')
  })

  test('a header of any form is refused as a token, never thrown as something else', () => {
    const key = makeKey('P-256')
    const der = makeCertificate({ subject: 'AS', issuer: 'AS', key, by: key })
    const leaf = der.toString('base64')
    const trust = { certificates: [new X509Certificate(der)] }
    for (const jwk of [
      { x5c: [{ toString: 1, valueOf: 1 }] },
      { x5c: [null] },
      { x5c: ['AAAA'] },
      { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', x5c: [leaf] },
      { kty: 7, x5c: [leaf] },
    ])
      expect(() => signersOf({ jwk } as JsonObject, trust, new Date())).toThrow(VerificationError)
  })

  test('a header of very many brackets is refused as a token', () => {
    const header = `{"alg":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
    const token = `${Buffer.from(header).toString('base64url')}.e30.AA`
    expect(() => checkEar(token, { keys: [publicKey] }, at)).toThrow('256 levels')
  })

  const scenarios = [
    ['01', true],
    ['02', false],
    ['03', false],
    ['04', false],
    ['05', true],
    ['06', true],
    ['07', true],
  ] as const
  for (const [number, accepted] of scenarios) {
    withPeers(['vectors:coco/ear/kbs-jwk'], `key in the header, Trustee's scenario ${number}`, async () => {
      const base = `coco/ear/kbs-jwk/scenario${number}`
      const jwk = JSON.parse(await readFile(vector(`${base}-jwk.json`), 'utf8')) as JsonObject
      const pem = await readFile(vector(`${base}-trust.pem`), 'utf8')
      const certificates = (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
        (text) => new X509Certificate(text),
      )
      const x5c = jwk['x5c']
      const leaf = Array.isArray(x5c) ? new X509Certificate(Buffer.from(String(x5c[0]), 'base64')) : null
      const time = new Date(leaf === null ? at : Date.parse(leaf.validFrom) + 1000)
      expect(signersOf({ jwk }, { certificates }, time).length > 0).toBe(accepted)
    })
  }
})

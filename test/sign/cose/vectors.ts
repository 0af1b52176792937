import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { vector } from '../../../testkit/peers.ts'

/** Bytes of a shared vector below `cose`. */
export const cose = (path: string): Buffer => readFileSync(vector(`cose/${path}`))

/** A JSON document of a shared vector below `cose`. The tests that read it fail on another shape. */
export function coseJson(path: string): unknown {
  return JSON.parse(cose(path).toString('utf8'))
}

/** Paths below `cose` that a pattern matches, sorted. */
export function coseFiles(pattern: string): string[] {
  return globSync(pattern, { cwd: vector('cose') }).sort()
}

type ExampleKey = Record<string, string>

/** The public half of a key as the examples of the COSE working group write it: JWK, or with parts in hex. */
export function exampleKey(key: ExampleKey): KeyObject {
  const part = (name: string): string | undefined => {
    const hex = key[`${name}_hex`]
    return hex === undefined ? key[name] : Buffer.from(hex, 'hex').toString('base64url')
  }
  const jwk: JsonWebKey = { kty: key['kty'] ?? '' }
  for (const name of ['crv', 'x', 'y', 'n', 'e'] as const) {
    const value = name === 'crv' ? key['crv'] : part(name)
    if (value !== undefined) jwk[name] = value
  }
  return createPublicKey({ key: jwk, format: 'jwk' })
}

/** One example of cose-wg/Examples with a COSE_Sign1 message. */
export interface Example {
  title: string
  fail?: boolean
  input: { sign0?: { key: ExampleKey; external?: string } }
  intermediates: { ToBeSign_hex?: string }
  output: { cbor: string }
}

/** One vector of gluecose. */
export interface Gluecose {
  title: string
  key: ExampleKey
  'sign1::sign'?: {
    payload: string
    protectedHeaders: { cborHex: string }
    unprotectedHeaders: { cborHex: string }
    tbsHex: { cborHex: string }
    expectedOutput: { cborHex: string }
    external?: string
  }
  'sign1::verify'?: { taggedCOSESign1: { cborHex: string }; external?: string; shouldVerify: boolean }
}

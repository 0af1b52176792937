import { constants, createECDH, publicDecrypt, timingSafeEqual, type KeyObject } from 'node:crypto'
import { readDer } from '../encoding/der.ts'
import { DerMembers, tags } from '../encoding/x509/der-values.ts'

/** Hash functions of signatures, with the head of their DigestInfo (RFC 8017 §9.2, note 1). */
const digestInfo = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
} as const
export type DigestName = keyof typeof digestInfo

/**
 * Whether a signature is good over bytes of which only the digest is known, which Node.js cannot tell: ECDSA on the curves of NIST (FIPS 186-5
 * §6.4.2), and RSA PKCS#1 v1.5. Only public values are computed with, so the time that it takes tells nobody anything.
 *
 * @param signature DER for ECDSA
 */
export function verifyDigest(key: KeyObject, hash: DigestName, digest: Uint8Array, signature: Uint8Array): boolean {
  try {
    if (key.asymmetricKeyType === 'rsa') return verifyRsa(key, hash, digest, signature)
    return key.asymmetricKeyType === 'ec' && verifyEcdsa(key, digest, signature)
  } catch {
    return false
  }
}

function verifyRsa(key: KeyObject, hash: DigestName, digest: Uint8Array, signature: Uint8Array): boolean {
  const expected = Buffer.concat([Buffer.from(digestInfo[hash], 'hex'), digest])
  const found = publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature)
  return found.length === expected.length && timingSafeEqual(found, expected)
}

/** Curve y² = x³ − 3x + b over the field of p, with a generator of order n (SP 800-186 §3.2.1). */
interface Curve {
  p: bigint
  n: bigint
}

const curves: Readonly<Record<string, Curve>> = {
  prime256v1: {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  secp384r1: {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    n: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  secp521r1: {
    p: 2n ** 521n - 1n,
    n: 0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
}

/** The point of which every other one is a multiple: the public key of the private key 1. */
function generator(name: string): Point {
  const ecdh = createECDH(name)
  ecdh.setPrivateKey('01', 'hex')
  const point = ecdh.getPublicKey()
  const half = (point.length - 1) / 2
  return { x: integer(point.subarray(1, 1 + half)), y: integer(point.subarray(1 + half)) }
}

/** A point, or null for the one at infinity. */
type Point = { x: bigint; y: bigint } | null

function verifyEcdsa(key: KeyObject, digest: Uint8Array, signature: Uint8Array): boolean {
  const name = key.asymmetricKeyDetails?.namedCurve ?? ''
  const curve = curves[name]
  if (curve === undefined) return false
  const { n } = curve
  const members = new DerMembers(readDer(signature, 'signature'), 'signature')
  const [r, s] = [members.take(tags.integer, 'r'), members.take(tags.integer, 's')].map(({ content }) =>
    positive(content),
  )
  members.end()
  if (r === undefined || s === undefined || r <= 0n || r >= n || s <= 0n || s >= n) return false
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  const point = { x: integer(Buffer.from(x, 'base64url')), y: integer(Buffer.from(y, 'base64url')) }
  const bits = n.toString(2).length
  const whole = integer(digest)
  const e = digest.length * 8 > bits ? whole >> BigInt(digest.length * 8 - bits) : whole
  const inverse = invert(s, n)
  const sum = add(curve, times(curve, generator(name), (e * inverse) % n), times(curve, point, (r * inverse) % n))
  return sum !== null && sum.x % n === r
}

function times(curve: Curve, point: Point, scalar: bigint): Point {
  let result: Point = null
  let power = point
  for (let left = scalar; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = add(curve, result, power)
    power = add(curve, power, power)
  }
  return result
}

function add({ p }: Curve, a: Point, b: Point): Point {
  if (a === null) return b
  if (b === null) return a
  const same = a.x === b.x
  if (same && (a.y + b.y) % p === 0n) return null
  const slope = same
    ? (3n * (a.x * a.x - 1n) * invert(modulo(2n * a.y, p), p)) % p
    : ((b.y - a.y) * invert(modulo(b.x - a.x, p), p)) % p
  const x = modulo(slope * slope - a.x - b.x, p)
  return { x, y: modulo(slope * (a.x - x) - a.y, p) }
}

/** Inverse by the extended algorithm of Euclid. */
function invert(value: bigint, modulus: bigint): bigint {
  let [a, b, u, v] = [value, modulus, 1n, 0n]
  while (a > 1n) {
    const quotient = a / b
    if (b === 0n) throw new RangeError('no inverse')
    ;[a, b, u, v] = [b, a % b, v, u - quotient * v]
  }
  return modulo(u, modulus)
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus
  return rest < 0n ? rest + modulus : rest
}

/** DER's INTEGER has a sign bit; r and s are positive. */
function positive(content: Buffer): bigint {
  const first = content[0] ?? 0x80
  return first >= 0x80 ? -1n : integer(content)
}

function integer(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`)
}

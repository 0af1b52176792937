import { table } from '../../base/table.ts'
import type { Checksum } from '../model.ts'

const algorithms: Readonly<Record<string, { algorithm: Checksum['algorithm']; bytes: number }>> = table({
  md5: { algorithm: 'MD5', bytes: 16 },
  sha1: { algorithm: 'SHA-1', bytes: 20 },
  sha256: { algorithm: 'SHA-256', bytes: 32 },
  sha384: { algorithm: 'SHA-384', bytes: 48 },
  sha512: { algorithm: 'SHA-512', bytes: 64 },
})

/** A digest in hex or base64 (either alphabet, with or without padding); none where its form or algorithm is another. */
export function sumsOf(algorithm: string, value: string): Checksum[] {
  const known = algorithms[algorithm.toLowerCase().replace('-', '')]
  if (known === undefined || value.length > 200) return []
  const bytes = new RegExp(`^[0-9a-f]{${known.bytes * 2}}$`, 'i').test(value)
    ? Buffer.from(value, 'hex')
    : /^[\w+/-]+={0,2}$/.test(value)
      ? Buffer.from(value, 'base64')
      : null
  if (bytes?.length !== known.bytes) return []
  return [{ algorithm: known.algorithm, value: bytes.toString('hex') }]
}

/** Subresource integrity, as npm, yarn, pnpm, bun and deno write it: `sha512-… sha1-…`. */
export function integrityOf(text: string): Checksum[] {
  if (text.length > 2000) return []
  return text.split(/\s+/).flatMap((part) => {
    const dash = part.indexOf('-')
    return dash === -1 ? [] : sumsOf(part.slice(0, dash), part.slice(dash + 1).replace(/\?.*$/, ''))
  })
}

/** `sha256:…` or `sha256=…`. */
export function prefixedSum(text: string): Checksum[] {
  const [, algorithm, value] = /^([a-z0-9-]{3,10})[:=](\S{1,200})$/i.exec(text) ?? []
  return algorithm === undefined || value === undefined ? [] : sumsOf(algorithm, value)
}

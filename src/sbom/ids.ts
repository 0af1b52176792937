import { createHash } from 'node:crypto'

/** RFC 9562's namespace for URLs. */
const urlNamespace = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex')

/** Version 5 UUID of a name in the URL namespace. */
export function uuid5(name: string): string {
  const bytes = createHash('sha1').update(urlNamespace).update(name).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** 16 hex digits that stand for a package: the same in every document and after every rebuild. */
export function packageKey(purl: string): string {
  return createHash('sha256').update(purl).digest('hex').slice(0, 16)
}

/** RFC 3339 in whole seconds, UTC. */
export function timestamp(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

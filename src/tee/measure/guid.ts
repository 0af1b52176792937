/** A GUID as firmware stores it: the first three groups little-endian, the rest as written (UEFI 2.10 appendix A). */
export function guidBytes(text: string): Buffer {
  const raw = Buffer.from(text.replaceAll('-', ''), 'hex')
  return Buffer.concat([
    raw.subarray(0, 4).reverse(),
    raw.subarray(4, 6).reverse(),
    raw.subarray(6, 8).reverse(),
    raw.subarray(8),
  ])
}

/** The text form of 16 bytes that firmware stored. */
export function guidText(bytes: Buffer): string {
  const part = (from: number, to: number): string => Buffer.from(bytes.subarray(from, to)).reverse().toString('hex')
  const tail = bytes.subarray(8, 16).toString('hex')
  return [part(0, 4), part(4, 6), part(6, 8), tail.slice(0, 4), tail.slice(4)].join('-')
}

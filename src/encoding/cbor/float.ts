/** The number in two bytes of half precision (RFC 8949 appendix D). */
export function readHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The two bytes of half precision that mean exactly this number, or null. */
function writeHalf(value: number): number | null {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (size === 0) return sign
  if (size === Infinity) return sign | 0x7c00
  const exponent = Math.floor(Math.log2(size))
  // Below 2^-14 the exponent stays, and the fraction loses its leading one.
  const power = Math.max(exponent, -14)
  const fraction = (size / 2 ** power - (exponent < -14 ? 0 : 1)) * 1024
  if (power > 15 || !Number.isInteger(fraction) || fraction >= 1024) return null
  return sign | ((exponent < -14 ? 0 : power + 15) << 10) | fraction
}

/** The shortest encoding that means exactly this number (RFC 8949 §4.2.2); every NaN is `f97e00`. */
export function encodeFloat(value: number): Buffer {
  const half = Number.isNaN(value) ? 0x7e00 : writeHalf(value)
  if (half !== null) return Buffer.from([0xf9, half >> 8, half & 0xff])
  const single = Object.is(Math.fround(value), value)
  const bytes = Buffer.alloc(single ? 5 : 9)
  bytes[0] = single ? 0xfa : 0xfb
  if (single) bytes.writeFloatBE(value, 1)
  else bytes.writeDoubleBE(value, 1)
  return bytes
}

import { malformed, View } from './view.ts'

/** First four bytes of a WebAssembly module, big-endian. */
export const wasmMagic = 0x0061736d

/**
 * Content of the first custom section of this name (WebAssembly core, binary format, 5.5.3), or null.
 *
 * @throws VerificationError `format-invalid`
 */
export function wasmSection(bytes: Buffer, name: string): Buffer | null {
  const view = new View(bytes, true, 'WebAssembly')
  if (view.length < 8 || view.u32(4) !== 1) return null
  let at = 8
  while (at < view.length) {
    const id = view.u8(at)
    const { value: size, next } = leb128(view, at + 1)
    const content = view.slice(next, size)
    at = next + size
    if (id !== 0) continue
    const own = new View(content, true, 'WebAssembly custom section')
    const length = leb128(own, 0)
    if (own.slice(length.next, length.value).toString('latin1') === name)
      return content.subarray(length.next + length.value)
  }
  return null
}

function leb128(view: View, start: number): { value: number; next: number } {
  let value = 0
  for (let i = 0; i < 5; i++) {
    const byte = view.u8(start + i)
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, next: start + i + 1 }
  }
  throw malformed('WebAssembly: a number has more than five bytes')
}

import { table } from '../../base/table.ts'
import { malformed, View } from '../binary/view.ts'

/** What the head of a GGUF file says (ggml, docs/gguf.md). */
export interface Gguf {
  version: number
  tensors: number
  /** Sum over all tensors; null where their table is longer than what was read. */
  parameters: number | null
  /**
   * Numbers and texts by key, of the keys that begin with `general.`; long texts and lists are left out. Those of a vocabulary are not kept: a head
   * may have 64 MiB of them.
   */
  values: ReadonlyMap<string, string>
  /** Why the file cannot hold the tensors that its head describes; null where it can, or where their table was not read whole. */
  short: string | null
}

const limits = { keys: 100_000, tensors: 1_000_000, text: 4096, dimensions: 8, depth: 4 } as const
/** Bytes of the value types 0–12; 0: a text or a list. */
const widths = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8] as const

/**
 * Reads the head of a GGUF file.
 *
 * @param size bytes of the whole file
 * @throws VerificationError `format-invalid` for another format, another version, or metadata that does not end within these bytes
 */
export function readGguf(head: Buffer, size: number = head.length): Gguf {
  const little = head.length < 8 || head.readUInt32LE(4) < 0x1_0000
  const view = new View(head, little, 'GGUF')
  if (view.slice(0, 4).toString('latin1') !== 'GGUF') throw malformed('GGUF: the file does not begin with GGUF')
  const version = view.u32(4)
  if (version < 1 || version > 3) throw malformed(`GGUF: version 1, 2 or 3 is expected, found ${version}`)
  const reader = new Reader(view, version === 1)
  const tensors = reader.length()
  const keys = reader.length()
  if (keys > limits.keys || tensors > limits.tensors)
    throw malformed(
      `GGUF: at most ${limits.keys} keys and ${limits.tensors} tensors are read, found ${keys} and ${tensors}`,
    )
  const values = new Map<string, string>()
  for (let i = 0; i < keys; i++) {
    const key = reader.text()
    const value = reader.value(reader.u32(), 0)
    if (value !== null && key.startsWith('general.')) values.set(key, value)
  }
  const { parameters, last } = tensorsOf(reader, tensors)
  const first = last + reader.position
  const short =
    first > size ? `the head describes a tensor from byte ${first} on, but the file has ${size} bytes` : null
  return { version, tensors, parameters, values, short }
}

/** The sum of all parameters, and the largest offset of a tensor behind the head; null and 0 where the table is longer than what was read. */
function tensorsOf(reader: Reader, tensors: number): { parameters: number | null; last: number } {
  let [sum, last] = [0, 0]
  try {
    for (let i = 0; i < tensors; i++) {
      reader.text()
      const dimensions = reader.u32()
      if (dimensions > limits.dimensions) throw malformed(`GGUF: a tensor of ${dimensions} dimensions`)
      let product = 1
      for (let d = 0; d < dimensions; d++) product *= reader.length()
      reader.skip(4)
      last = Math.max(last, reader.offset())
      sum += product
    }
  } catch {
    return { parameters: null, last: 0 }
  }
  return { parameters: Number.isSafeInteger(sum) ? sum : null, last }
}

class Reader {
  private at = 8
  private readonly view: View
  /** Version 1 has lengths of 32 bits. */
  private readonly short: boolean

  constructor(view: View, short: boolean) {
    this.view = view
    this.short = short
  }

  u32(): number {
    this.at += 4
    return this.view.u32(this.at - 4)
  }

  length(): number {
    if (this.short) return this.u32()
    this.at += 8
    return this.view.u64(this.at - 8)
  }

  /** Bytes that were read. */
  get position(): number {
    return this.at
  }

  /** A place in the file: of 64 bits in every version. */
  offset(): number {
    this.at += 8
    return this.view.u64(this.at - 8)
  }

  skip(bytes: number): void {
    this.view.slice(this.at, bytes)
    this.at += bytes
  }

  text(): string {
    const length = this.length()
    const bytes = this.view.slice(this.at, length)
    this.at += length
    return length > limits.text ? '' : bytes.toString('utf8')
  }

  /** Null for a list, whose content is skipped. */
  value(type: number, depth: number): string | null {
    if (type === 8) return this.text()
    if (type === 9) {
      if (depth === limits.depth) throw malformed('GGUF: lists nest too deep')
      const [inner, count] = [this.u32(), this.length()]
      const width = widths[inner] ?? 0
      if (width > 0) this.skip(width * count)
      else if (inner !== 8 && inner !== 9) throw malformed(`GGUF: value type ${inner} is not known`)
      // Each element has at least four bytes: the file bounds the count.
      else for (let i = 0; i < count; i++) this.value(inner, depth + 1)
      return null
    }
    const width = widths[type]
    if (width === undefined) throw malformed(`GGUF: value type ${type} is not known`)
    const part = new View(this.view.slice(this.at, width), this.view.little, 'GGUF')
    this.at += width
    return numberOf(part, type)
  }
}

function numberOf({ bytes, little }: View, type: number): string {
  const { length } = bytes
  if (type === 7) return bytes[0] === 0 ? 'false' : 'true'
  if (type === 6) return String(little ? bytes.readFloatLE() : bytes.readFloatBE())
  if (type === 12) return String(little ? bytes.readDoubleLE() : bytes.readDoubleBE())
  const signed = type === 1 || type === 3 || type === 5 || type === 11
  if (length === 8) {
    if (signed) return (little ? bytes.readBigInt64LE() : bytes.readBigInt64BE()).toString()
    return (little ? bytes.readBigUInt64LE() : bytes.readBigUInt64BE()).toString()
  }
  if (signed) return String(little ? bytes.readIntLE(0, length) : bytes.readIntBE(0, length))
  return String(little ? bytes.readUIntLE(0, length) : bytes.readUIntBE(0, length))
}

/** `general.file_type` (llama.cpp, enum llama_ftype). */
const fileTypes: Readonly<Record<string, string>> = table({
  0: 'F32',
  1: 'F16',
  2: 'Q4_0',
  3: 'Q4_1',
  7: 'Q8_0',
  8: 'Q5_0',
  9: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K_S',
  12: 'Q3_K_M',
  13: 'Q3_K_L',
  14: 'Q4_K_S',
  15: 'Q4_K_M',
  16: 'Q5_K_S',
  17: 'Q5_K_M',
  18: 'Q6_K',
  19: 'IQ2_XXS',
  20: 'IQ2_XS',
  21: 'Q2_K_S',
  22: 'IQ3_XS',
  23: 'IQ3_XXS',
  24: 'IQ1_S',
  25: 'IQ4_NL',
  26: 'IQ3_S',
  27: 'IQ3_M',
  28: 'IQ2_S',
  29: 'IQ2_M',
  30: 'IQ4_XS',
  31: 'IQ1_M',
  32: 'BF16',
  36: 'TQ1_0',
  37: 'TQ2_0',
  38: 'MXFP4_MOE',
})

/** Name of the quantisation; null where the file names none that is known. */
export function quantisationOf({ values }: Gguf): string | null {
  return fileTypes[values.get('general.file_type') ?? ''] ?? null
}

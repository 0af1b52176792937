/**
 * An assembler for the few WebAssembly instructions that our kernels use (WebAssembly core 2.0, binary format, 5.4). Code is a list of bytes;
 * an expression leaves one value on the stack.
 */
export type Code = readonly number[]

/** Value types (5.3). */
export const i32 = 0x7f
export const v128 = 0x7b

/** An unsigned number in LEB128 (5.2.2). @param value below 2^32 */
export function unsigned(value: number): Code {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) + 128)
  }
}

/** A signed number in LEB128 (5.2.2). @param value of 32 bits */
export function signed(value: number): Code {
  const bytes: number[] = []
  for (let rest = value | 0; ; rest >>= 7) {
    if (rest >= -64 && rest < 64) return [...bytes, rest & 0x7f]
    bytes.push((rest & 0x7f) | 0x80)
  }
}

export const get = (local: number): Code => [0x20, ...unsigned(local)]
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)]

/** Instructions on 32-bit numbers. */
export const int = {
  value: (value: number): Code => [0x41, ...signed(value)],
  load: (address: number): Code => [...int.value(0), 0x28, 2, ...unsigned(address)],
  store: (address: number, value: Code): Code => [...int.value(0), ...value, 0x36, 2, ...unsigned(address)],
  add: (a: Code, b: Code): Code => [...a, ...b, 0x6a],
} as const

/** Instructions on vectors of four 32-bit numbers. */
export const vector = {
  /** 16 bytes at a base address and an offset. The address needs no alignment. */
  load: (base: Code, offset: number): Code => [...base, ...simd(0), 0, ...unsigned(offset)],
  store: (address: number, value: Code): Code => [...int.value(0), ...value, ...simd(11), 4, ...unsigned(address)],
  /** The number at an address, four times. */
  loadSame: (address: number): Code => [...int.value(0), ...simd(9), 2, ...unsigned(address)],
  add: binary(174),
  sub: binary(177),
  and: binary(78),
  /** `a` without the bits of `b`. */
  without: binary(79),
  or: binary(80),
  xor: binary(81),
  left: (a: Code, bits: number): Code => [...a, ...int.value(bits), ...simd(171)],
  right: (a: Code, bits: number): Code => [...a, ...int.value(bits), ...simd(173)],
  /** Four numbers of two vectors: 0 to 3 are those of `a`, 4 to 7 those of `b`. */
  pick: (a: Code, b: Code, numbers: readonly number[]): Code => [
    ...[...a, ...b, ...simd(13)],
    ...numbers.flatMap((number) => [0, 1, 2, 3].map((byte) => 4 * number + byte)),
  ],
} as const

function simd(operation: number): Code {
  return [0xfd, ...unsigned(operation)]
}

function binary(operation: number): (a: Code, b: Code) => Code {
  return (a, b) => [...a, ...b, ...simd(operation)]
}

/** Runs `body` as often as the number in `local` says, at least once; the local is 0 afterwards. */
export function repeat(local: number, body: Code): Code {
  const less = set(local, int.add(get(local), int.value(-1)))
  return [0x03, 0x40, ...body, ...less, ...get(local), 0x0d, 0, 0x0b]
}

/** A function that takes one 32-bit number (local 0) and gives nothing. */
export interface CodeFunction {
  /** Further locals, by type, in the order of their numbers. */
  readonly locals: readonly { readonly count: number; readonly type: number }[]
  readonly body: Code
}

/** A module with one function, exported as `run`, over a memory that is imported as `env.memory` (5.5). */
export function moduleOf({ locals, body }: CodeFunction): Uint8Array<ArrayBuffer> {
  const declared = locals.map(({ count, type }) => [...unsigned(count), type])
  const code = [...unsigned(locals.length), ...declared.flat(), ...body, 0x0b]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [0x60, 1, i32, 0]),
    ...section(2, [...name('env'), ...name('memory'), 2, 0, 1]),
    ...section(3, [0]),
    ...section(7, [...name('run'), 0, 0]),
    ...section(10, [...unsigned(code.length), ...code]),
  ])
}

/** A section with one item. */
function section(id: number, item: Code): Code {
  return [id, ...unsigned(item.length + 1), 1, ...item]
}

function name(text: string): Code {
  return [text.length, ...Buffer.from(text, 'latin1')]
}

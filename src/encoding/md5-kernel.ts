import { get, i32, int, moduleOf, repeat, set, v128, vector, type Code } from './wasm-code.ts'

/** Vectors that are worked on in turn: one alone would wait for each of its own results. */
const groups = 2
/** Messages that the kernel hashes side by side. */
export const lanes = 4 * groups
export const blockBytes = 64

/** Addresses in the kernel's memory. All numbers there are little-endian. */
export const layout = {
  /** Where the next block of each lane lies: a 32-bit address a lane. The kernel moves it on. */
  pointers: 0,
  /** The constants of the 64 steps. */
  constants: 256,
  /** The blocks at hand, turned: word by word, each of all lanes of a group. */
  turned: 512,
  /** The states: A, B, C, D of the lanes of a group, vector by vector. See {@link stateAddress}. */
  states: 512 + groups * 256,
  /** From here on the memory is the caller's. */
  free: 2048,
} as const

/** Address of word 0 to 3 (A to D) of a lane's state. */
export function stateAddress(lane: number, word: number): number {
  return layout.states + 64 * (lane >> 2) + 16 * word + 4 * (lane & 3)
}

/** A to D before the first block (RFC 1321, 3.3). */
export const firstState = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476] as const

/** What a step's constant is, for the memory. Round 4 negates a function: -x - 1 is ~x, so that its constants are one less. */
export function stepConstants(): number[] {
  return Array.from({ length: 64 }, (_, step) => {
    const sine = Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32)
    return step < 48 ? sine : sine - 1
  })
}

/** Of a round (RFC 1321, 3.4): which word a step takes, and by how many bits it rotates. */
const rounds = [
  { word: (step: number) => step, turns: [7, 12, 17, 22] },
  { word: (step: number) => 5 * step + 1, turns: [5, 9, 14, 20] },
  { word: (step: number) => 3 * step + 5, turns: [4, 11, 16, 23] },
  { word: (step: number) => 7 * step, turns: [6, 10, 15, 21] },
] as const

/** Locals: the number of blocks, a pointer a lane, then vectors. */
const pointer = (lane: number): number => 1 + lane
const state = (group: number, word: number): number => 1 + lanes + 4 * group + word
const scratch = (index: number): number => 1 + lanes + 4 * groups + index

/**
 * MD5 (RFC 1321) of eight messages at once, as a WebAssembly module with vector instructions: `run(blocks)` takes so many blocks of each lane, at
 * least one. On x86-64 a byte costs a fifth of what OpenSSL takes for one message alone, whose steps wait for each other.
 */
export function md5Kernel(): Uint8Array<ArrayBuffer> {
  const each = Array.from({ length: lanes }, (_, lane) => lane)
  const words = each.slice(0, groups).flatMap((group) => [0, 1, 2, 3].map((word) => ({ group, word })))
  const address = ({ group, word }: { group: number; word: number }): number => stateAddress(4 * group, word)
  const kept = (one: { group: number; word: number }): Code => vector.load(int.value(0), address(one))
  return moduleOf({
    locals: [
      { count: lanes, type: i32 },
      { count: 4 * groups + 8, type: v128 },
    ],
    body: [
      ...each.flatMap((lane) => set(pointer(lane), int.load(layout.pointers + 4 * lane))),
      ...words.flatMap((one) => set(state(one.group, one.word), kept(one))),
      ...repeat(0, [
        ...turnBlocks(),
        ...Array.from({ length: 64 }, (_, step) =>
          each.slice(0, groups).flatMap((group) => takeStep(group, step)),
        ).flat(),
        ...words.flatMap((one) => {
          const local = state(one.group, one.word)
          return [...set(local, vector.add(get(local), kept(one))), ...vector.store(address(one), get(local))]
        }),
        ...each.flatMap((lane) => set(pointer(lane), int.add(get(pointer(lane)), int.value(blockBytes)))),
      ]),
      ...each.flatMap((lane) => int.store(layout.pointers + 4 * lane, get(pointer(lane)))),
    ],
  })
}

function four(of: (index: number) => number): readonly [number, number, number, number] {
  return [of(0), of(1), of(2), of(3)]
}

/** Turns 4 × 4 words at a time: from vectors of one lane's words to vectors of one word of the lanes. */
function turnBlocks(): Code {
  const code: number[] = []
  for (let group = 0; group < groups; group++) {
    for (let quarter = 0; quarter < 4; quarter++) {
      const turned = (word: number): number => layout.turned + 256 * group + 16 * (4 * quarter + word)
      const [a, b, c, d] = four(scratch)
      for (const [lane, local] of [a, b, c, d].entries())
        code.push(...set(local, vector.load(get(pointer(4 * group + lane)), 16 * quarter)))
      // Words 0 and 1 of two lanes, then words 2 and 3.
      code.push(...set(scratch(4), vector.pick(get(a), get(b), [0, 4, 1, 5])))
      code.push(...set(scratch(5), vector.pick(get(c), get(d), [0, 4, 1, 5])))
      code.push(...set(scratch(6), vector.pick(get(a), get(b), [2, 6, 3, 7])))
      code.push(...set(scratch(7), vector.pick(get(c), get(d), [2, 6, 3, 7])))
      for (const word of [0, 1, 2, 3]) {
        const pair = word < 2 ? 4 : 6
        const half = word % 2 === 0 ? [0, 1, 4, 5] : [2, 3, 6, 7]
        code.push(...vector.store(turned(word), vector.pick(get(scratch(pair)), get(scratch(pair + 1)), half)))
      }
    }
  }
  return code
}

/** One step for the lanes of a group: `a = b + rotate(a + f(b, c, d) + word + constant)`, with a, b, c, d changing places from step to step. */
function takeStep(group: number, step: number): Code {
  const round = rounds[step >> 4] ?? rounds[0]
  const [a, b, c, d] = four((word) => state(group, (word - step) & 3))
  const word = vector.load(int.value(0), layout.turned + 256 * group + 16 * (round.word(step) & 15))
  const sum = vector.add(vector.add(word, vector.loadSame(layout.constants + 4 * step)), get(a))
  const bits = round.turns[step & 3] ?? 0
  const mixed = scratch(group)
  const rotated = vector.or(vector.left(get(mixed), bits), vector.right(get(mixed), 32 - bits))
  return [...set(mixed, mix(step >> 4, sum, { b, c, d })), ...set(a, vector.add(rotated, get(b)))]
}

/** Adds the function of a round, written so that as little as possible waits for `b`, which the step before has just made. */
function mix(round: number, sum: Code, { b, c, d }: { b: number; c: number; d: number }): Code {
  const { add, sub, and, without, xor } = vector
  // F: (b & c) | (~b & d)
  if (round === 0) return add(sum, xor(and(xor(get(c), get(d)), get(b)), get(d)))
  // G: (b & d) | (c & ~d), whose halves have no bit in common.
  if (round === 1) return add(add(sum, without(get(c), get(d))), and(get(b), get(d)))
  // H: b ^ c ^ d
  if (round === 2) return add(sum, xor(xor(get(c), get(d)), get(b)))
  // I: c ^ (b | ~d), which is ~(c ^ (d & ~b)).
  return sub(sum, xor(without(get(d), get(b)), get(c)))
}

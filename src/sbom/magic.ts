/** First four bytes of files that catalogers look for, big-endian; of PE the first two. */
export const magics = {
  elf: 0x7f454c46,
  /** Fat Mach-O; Java classes begin in the same way. */
  fat: 0xcafebabe,
  fat64: 0xcafebabf,
  machO32: 0xfeedface,
  machO64: 0xfeedfacf,
  machO32Swapped: 0xcefaedfe,
  machO64Swapped: 0xcffaedfe,
  /** `MZ`, the upper half. */
  pe: 0x4d5a,
  zip: 0x504b0304,
  gguf: 0x47475546,
} as const

const binaries: ReadonlySet<number> = new Set([
  magics.elf,
  magics.machO32,
  magics.machO64,
  magics.machO32Swapped,
  magics.machO64Swapped,
])

/** ELF, Mach-O (not the fat form) or `MZ`, the start of PE. */
export function isBinary(magic: number): boolean {
  return binaries.has(magic) || magic >>> 16 === magics.pe
}

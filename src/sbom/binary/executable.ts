/** Part of an executable file that has a name. */
export interface Section {
  name: string
  /** Where it lies in memory when the program runs. */
  address: number
  /** Where it lies in the file. */
  offset: number
  /** Bytes in the file; 0 where it has none there (`.bss`). */
  size: number
}

/** What ELF, PE and Mach-O have in common, as far as catalogers need it. Reading the tables copies nothing. */
export interface Executable {
  format: 'elf' | 'pe' | 'mach-o'
  /** Processor in Go's words (`amd64`), or its number in hex. */
  arch: string
  bits: 32 | 64
  little: boolean
  sections: readonly Section[]
  /** Content of the first section of this name, or null. @throws VerificationError where it lies outside the file */
  section(name: string): Buffer | null
  /** Contents of the writable data segments: where linkers put what a program changes. */
  data(): Buffer[]
  /** Bytes at an address of the running program, up to the end of their segment in the file; null where there are none. */
  at(address: number): Buffer | null
  /** Names of shared libraries that the loader loads with it, as they stand in the file. */
  libraries(): string[]
}

/** Most bytes of one executable that are read. A larger file is reported as `too-large`. */
export const largestExecutable = 256 << 20

/** Most libraries that are read of one executable. */
export const mostLibraries = 4096
/** Longest name of a library or section. */
export const longestName = 1024

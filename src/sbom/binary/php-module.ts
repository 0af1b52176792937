import type { Executable } from './executable.ts'

/** Size of `zend_module_entry` on machines of 64 bits; its first number, and how a module is told from other data. */
const entrySize = 168
/** Places of the pointer to the version within the entry. */
const versionAt = 88
const longestVersion = 64
/** Where compilers put it. A file may have thousands of sections, so that each name is looked up once. */
const dataSections = ['.data', '.data.rel', '.data.rel.local', '.data.rel.ro', '.data.rel.ro.local'] as const

/**
 * Version that an extension of PHP states in its module entry (php-src, Zend/zend_modules.h), as a shared library of 64 bits has it. Empty where
 * the entry has none; null where there is no entry.
 */
export function phpModuleVersion(program: Executable): string | null {
  if (program.format !== 'elf' || program.bits !== 64 || !program.little) return null
  for (const name of dataSections) {
    const address = program.sections.find((each) => each.name === name)?.address ?? 0
    const bytes = program.section(name) ?? Buffer.alloc(0)
    for (let at = 0; at + entrySize <= bytes.length; at += 8) {
      if (bytes.readUInt32LE(at) !== entrySize || !isApi(bytes.readUInt32LE(at + 4))) continue
      const pointer = Number(bytes.readBigUInt64LE(at + versionAt)) || relocated(program, address + at + versionAt)
      return pointer === 0 ? '' : textAt(program, pointer)
    }
  }
  return null
}

/** The API's number is the day on which it was made. */
function isApi(number: number): boolean {
  return /^(?:199|20\d)\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$/.test(String(number))
}

/** What the loader writes to an address: entries of place, kind and value (System V gABI, `Elf64_Rela`). */
function relocated(program: Executable, address: number): number {
  const table = program.section('.rela.dyn') ?? Buffer.alloc(0)
  for (let at = 0; at + 24 <= table.length; at += 24)
    if (Number(table.readBigUInt64LE(at)) === address) return Number(table.readBigUInt64LE(at + 16))
  return 0
}

function textAt(program: Executable, address: number): string {
  const part = program.at(address)?.subarray(0, longestVersion).toString('latin1') ?? ''
  return /^([\x20-\x7e]+)\0/.exec(part)?.[1]?.trim() ?? ''
}

import { isExecutable, openExecutables } from '../../binary/open.ts'
import { largestExecutable, type Executable } from '../../binary/executable.ts'
import type { Cataloger } from '../../cataloger.ts'
import type { Gap } from '../../model.ts'

/** Enough to see that a file is too large to be read, and what it is. */
const headOnly = 64

/** PyInstaller's mark at the end of a program that carries a whole Python application. */
const pyInstaller = Buffer.from('MEI\x0c\x0b\x0a\x0b\x0e', 'latin1')
const upx = Buffer.from('UPX!', 'latin1')

type Fact = Pick<Gap, 'reason' | 'why'>

/**
 * Finds no package, but says which executables the other catalogers could not look into: damaged, too large, or packed. Each of these files
 * is a gap once, here, whatever it may have held. A packed file is reported also where an OS package owns it: that package says what it is,
 * but not which modules were linked into it.
 */
export const executables: Cataloger<Fact> = {
  name: 'executables',
  kind: 'binary',
  finds: 'installed',
  inPlace: true,
  sameAs: () => true,
  match: { any: isExecutable },
  takesHead: true,
  wants: ({ size }) => (size > largestExecutable ? headOnly : largestExecutable),
  read: ({ size }, content) => {
    if (size > largestExecutable)
      return { reason: 'too-large', why: `the program has ${size} bytes; at most ${largestExecutable} bytes are read` }
    const packer = openExecutables(content)
      .map((program) => packerOf(program, content))
      .find((name) => name !== null)
    return packer === undefined || packer === null
      ? null
      : { reason: 'opaque', why: `the program was packed by ${packer}: its modules cannot be seen` }
  },
  finish: (facts) => ({
    packages: [],
    gaps: [...facts].map(([path, { reason, why }]) => ({ path, kind: 'binary', reason, why })),
  }),
}

function packerOf({ format, sections }: Executable, content: Buffer): string | null {
  const marked = format === 'pe' ? sections.some(({ name }) => name === 'UPX0') : sections.length === 0
  // UPX writes its mark behind the program headers of ELF and the load commands of Mach-O.
  if (marked && (format === 'pe' || content.subarray(0, 4096).includes(upx))) return 'UPX'
  return content.subarray(-4096).includes(pyInstaller) ? 'PyInstaller' : null
}

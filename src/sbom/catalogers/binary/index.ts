import type { Cataloger } from '../../cataloger.ts'
import { classified } from './classified.ts'
import { elfNote } from './elf-note.ts'
import { executables } from './executables.ts'
import { goBinary } from './go.ts'
import { rustBinary } from './rust.ts'

/** Catalogers over programs, archives and models, in the order of their names. */
export const binaryCatalogers: readonly Cataloger[] = [classified, elfNote, executables, goBinary, rustBinary]

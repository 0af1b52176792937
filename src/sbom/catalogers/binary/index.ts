import type { Cataloger } from '../../cataloger.ts'
import { classified } from './classified.ts'
import { elfNote } from './elf-note.ts'
import { executables } from './executables.ts'
import { gguf } from './gguf.ts'
import { githubActions } from './github-actions.ts'
import { goBinary } from './go.ts'
import { javaArchive } from './java.ts'
import { jvmRelease } from './jvm.ts'
import { onnx } from './onnx.ts'
import { rustBinary } from './rust.ts'
import { safetensors } from './safetensors.ts'

/** Catalogers over programs, archives and models, in the order of their names. */
export const binaryCatalogers: readonly Cataloger[] = [
  classified,
  elfNote,
  executables,
  gguf,
  githubActions,
  goBinary,
  javaArchive,
  jvmRelease,
  onnx,
  rustBinary,
  safetensors,
]

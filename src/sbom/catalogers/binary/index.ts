import type { Cataloger } from '../../cataloger.ts'
import { bitnami } from './bitnami.ts'
import { classified } from './classified.ts'
import { dotnetBundle } from './dotnet-bundle.ts'
import { elfNote } from './elf-note.ts'
import { executables } from './executables.ts'
import { gguf } from './gguf.ts'
import { githubActions } from './github-actions.ts'
import { goBinary } from './go.ts'
import { javaArchive } from './java.ts'
import { jvmRelease } from './jvm.ts'
import { nativeImage } from './native-image.ts'
import { onnx } from './onnx.ts'
import { peVersion } from './pe.ts'
import { phpExtension } from './php-extension.ts'
import { rustBinary } from './rust.ts'
import { safetensors } from './safetensors.ts'

/** Catalogers over programs, archives and models, in the order of their names. */
export const binaryCatalogers: readonly Cataloger[] = [
  bitnami,
  classified,
  dotnetBundle,
  elfNote,
  executables,
  gguf,
  githubActions,
  goBinary,
  javaArchive,
  jvmRelease,
  nativeImage,
  onnx,
  peVersion,
  phpExtension,
  rustBinary,
  safetensors,
]

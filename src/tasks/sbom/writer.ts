import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { InternalError } from '../../base/errors.ts'
import type { StepContext } from '../context.ts'
import { writeDelivered } from '../delivered.ts'
import { documentFiles } from './documents.ts'

/** Writes the documents of a description as they are delivered, into a folder or, where none is named, the state directory. */
export async function documentWriter(
  directory: string | null,
  { state }: StepContext,
): Promise<{ paths: Map<string, string>; deliver: (name: string, bytes: AsyncIterable<Uint8Array>) => Promise<void> }> {
  const paths = new Map<string, string>()
  if (directory !== null) await mkdir(directory, { recursive: true })
  for (const file of documentFiles) {
    paths.set(file, directory === null ? await state.path('sbom', file) : join(directory, file))
  }
  return {
    paths,
    deliver: async (name, bytes) => {
      const path = paths.get(name)
      if (path === undefined) throw new InternalError(`nothing is written as ${name}`)
      await writeDelivered(path, bytes)
    },
  }
}

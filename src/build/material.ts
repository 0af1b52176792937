import type { Ports } from '../base/ports.ts'
import { findContainerfile, findContext } from './inputs.ts'
import { readGitSource, type GitSource } from './source/git.ts'

/** What a build reads of the job: the context's folder, the Containerfile, and the commit that both should be of. */
export interface BuildMaterial {
  /** Absolute, without symlinks. */
  context: string
  file: { path: string; bytes: Buffer }
  source: GitSource | null
}

/** The material as it lies in the job's own folders. @throws InputError `file-missing`, `file-invalid`; VerificationError `source-mismatch` */
export async function localMaterial(context: string, file: string | null, ports: Ports): Promise<BuildMaterial> {
  const folder = await findContext(context)
  return {
    context: folder,
    file: await findContainerfile(folder, file),
    source: await readGitSource(folder, ports),
  }
}

import type { ByteSource } from '../base/streams.ts'

/**
 * What the step that asked for a task gives and takes. A worker sees no path of the job (TRUST §4): the step reads and writes the job's files
 * with its own rights, by the names that the request has for them.
 */
export interface Caller {
  /** Bytes behind a name of the request: a build context, a policy's file, a plain layer. @throws InputError for a name that is not served */
  fetch(name: string): Promise<ByteSource>
  /** A secret of the request, read and masked by the step; null where there is none. */
  secret(name: string): Promise<Buffer | null>
  /** Takes a document or other output, for the step to write. */
  deliver(name: string, bytes: ByteSource): Promise<void>
}

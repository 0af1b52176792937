import { collect } from '../../base/streams.ts'
import type { TaskContext } from '../context.ts'

/** Who serves `file:PATH`, and the time. */
export type FileContext = Pick<TaskContext, 'ports'> & { readonly caller: Pick<TaskContext['caller'], 'fetch'> }

/** Largest file of a public key, in bytes. */
const keyLimit = 64 << 10

/** A file that the plan names. @param limit most bytes */
export async function planFile({ caller }: Pick<FileContext, 'caller'>, path: string, limit: number): Promise<Buffer> {
  return collect(await caller.fetch(`file:${path}`), limit, path)
}

/** The public keys (PEM) that an entry of the plan pins. */
export async function pinnedKeys(context: Pick<FileContext, 'caller'>, paths: readonly string[]): Promise<string[]> {
  const keys: string[] = []
  for (const path of paths) keys.push((await planFile(context, path, keyLimit)).toString('utf8'))
  return keys
}

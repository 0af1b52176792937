import { createWriteStream, type WriteStream } from 'node:fs'
import { appendFile as append, writeFile as write } from 'node:fs/promises'
import { withPath } from './errors.ts'

/** Writes a file as Node's own does, but each error names the path: the system names it only where a file is opened. */
export async function writeFile(path: string, ...rest: Rest<typeof write>): Promise<void> {
  await write(path, ...rest).catch(named(path))
}

/** Appends to a file; each error names the path. */
export async function appendFile(path: string, ...rest: Rest<typeof append>): Promise<void> {
  await append(path, ...rest).catch(named(path))
}

/** Opens a file as a stream to write to; each error names the path. */
export function writeStream(path: string, options?: Parameters<typeof createWriteStream>[1]): WriteStream {
  return createWriteStream(path, options).on('error', (error) => withPath(error, path))
}

type Rest<F extends (...args: never[]) => unknown> = Parameters<F> extends [unknown, ...infer R] ? R : never

/** For `catch` of a write to an open file. */
export function named(path: string | Uint8Array): (error: unknown) => never {
  return (error) => {
    throw withPath(error, path)
  }
}

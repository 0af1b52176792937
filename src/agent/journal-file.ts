import { open, readFile } from 'node:fs/promises'
import { replaceFile } from '../base/files.ts'
import { named } from '../base/write-file.ts'

/**
 * The journal as a file: for reading. What the agent holds in memory is the truth; a file that somebody changed or removed is written anew and
 * told.
 */
export class JournalFile {
  readonly #path: string
  #written: Buffer = Buffer.alloc(0)

  constructor(path: string) {
    this.#path = path
  }

  /**
   * Brings the file to `whole`, by appending where it still is what we wrote.
   *
   * @returns whether somebody had changed it
   */
  async write(whole: Buffer): Promise<boolean> {
    const first = this.#written.length === 0
    const found = await readFile(this.#path).catch(() => null)
    const untouched = found !== null && found.equals(this.#written)
    if (!first && untouched && whole.subarray(0, this.#written.length).equals(this.#written)) {
      await append(this.#path, whole.subarray(this.#written.length))
    } else {
      await replaceFile(this.#path, whole)
    }
    this.#written = whole
    return !first && !untouched
  }
}

async function append(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    await file.appendFile(bytes).catch(named(path))
    await file.sync().catch(named(path))
  } finally {
    await file.close()
  }
}

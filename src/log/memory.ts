import { readPlainFile, replaceFile } from '../base/files.ts'
import { checkpointLimit } from './open-log.ts'

/**
 * The last checkpoint that somebody saw or signed, kept apart from the log: whoever can write the log could otherwise show an older state of it,
 * or another history.
 */
export interface Memory {
  /** For messages. */
  readonly name: string
  /** The note, or null before the first. */
  recall(): Promise<Buffer | null>
  remember(note: Buffer): Promise<void>
}

/** A memory in a file. @param path absolute */
export function fileMemory(path: string): Memory {
  return {
    name: path,
    recall: () => readPlainFile(path, checkpointLimit),
    remember: (note) => replaceFile(path, note, { mode: 0o644 }),
  }
}

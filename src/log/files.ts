import type { Tile } from './tiles.ts'

/** Name of the file with the signed size and root (C2SP tlog-tiles). */
export const checkpointFile = 'checkpoint'

/** A log as files: its checkpoint and its tiles, by the paths of C2SP tlog-tiles. Nothing that is read is believed yet. */
export interface LogFiles {
  /** Address for messages. */
  readonly name: string
  /** Bytes of a file, or null where there is none. @param limit most bytes @throws TransportError · VerificationError `format-invalid` (larger) */
  read(path: string, limit: number): Promise<Buffer | null>
}

/** Files that are written beside a new log for its readers. */
export type NamedFiles = Readonly<Record<string, Uint8Array>>

/** What one publication changes. */
export interface Publication {
  /** Tiles that are new or have more in them. */
  tiles: readonly Tile[]
  /** Number of entries afterwards. */
  size: number
  checkpoint: Buffer
  /** Checkpoint that the writer started from; null for a new log. */
  base: Buffer | null
  /** Runs when all tiles are on disk, before the checkpoint is. */
  beforeCheckpoint?: (() => Promise<void>) | undefined
}

/** A log that can be written. */
export interface LogStore extends LogFiles {
  /**
   * Whether a writer is alone from {@link LogStore.exclusive} on until it ends. Where it is not, a publication fails when another writer was
   * faster.
   */
  readonly locks: boolean
  /** Runs a writer; see {@link LogStore.locks}. */
  exclusive<T>(write: () => Promise<T>): Promise<T>
  /** Makes a new log. @throws InputError `exists` */
  create(checkpoint: Buffer, files: NamedFiles): Promise<void>
  /**
   * Publishes tiles, then the checkpoint over them: no reader ever sees a checkpoint without its entries.
   *
   * @returns false where another writer published from the same base meanwhile: nothing is lost, start again
   */
  publish(publication: Publication): Promise<boolean>
}

import { tarLimits } from '../tar/read.ts'
import type { PassReader, TarHeader } from './types.ts'

/** What a pass does for all layers of an image, or all entries of a tree, together. */
export interface PassBounds {
  /** Bytes of zeros that sparse files stand for. */
  readonly holes: number
  /** Bytes of contents that readers get under a name other than the first. */
  readonly otherNames: number
}

/** 4 GiB of holes, and 1 GiB under other names. */
export const passBounds: PassBounds = { holes: tarLimits.holes, otherNames: 2 ** 30 }

/**
 * Gives contents to readers under further names until the limit is reached. Prevents an archive from keeping a reader busy for hours: a link has
 * 512 bytes, and each of its names makes a cataloger read the whole file.
 */
export class OtherNameBudget {
  private readonly most: number
  private used = 0

  /** @param most bytes of all contents together */
  constructor(most: number = passBounds.otherNames) {
    this.most = most
  }

  /** Calls `file` of the reader, or `unread` past the limit. A reader without `unread` gets every content. */
  give(reader: PassReader, header: TarHeader, content: Buffer): void {
    if (reader.unread !== undefined && this.used + content.length > this.most) {
      const magic = content.length < 4 ? 0 : content.readUInt32BE()
      return reader.unread(header, magic, `contents under other names have more than ${this.most} bytes together`)
    }
    this.used += content.length
    reader.file?.(header, content)
  }
}

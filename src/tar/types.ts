import type { ByteSource } from '../base/streams.ts'

export type EntryType = 'file' | 'dir' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo'

/** One header of a tar archive after pax and GNU extensions were applied. */
export interface TarHeader {
  /** As {@link nameOf} gives it; normalised, relative, without `./` and trailing slash; never empty, never leaves the root. The root itself is `.`. */
  path: string
  type: EntryType
  /** Permission bits with setuid, setgid, sticky (12 bits). */
  mode: number
  uid: number
  gid: number
  uname: string
  gname: string
  /** Bytes of content; 0 for all but files. */
  size: number
  /** Whole seconds since 1970. */
  mtime: number
  /** Target of a symlink (as stored) or hard link (normalised path). */
  link: string
  devMajor: number
  devMinor: number
  /** Extended attributes (`SCHILY.xattr.*`), raw bytes as latin1. */
  xattrs: Record<string, string>
  /** Byte offset of the header in the archive that it was read from. */
  position?: number | undefined
}

export interface TarEntry {
  header: TarHeader
  /** Content of a file; what the reader leaves is skipped. */
  body: ByteSource
}

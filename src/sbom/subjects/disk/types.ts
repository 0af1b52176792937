import type { EntryType } from '../../../image/types.ts'
import type { Gap } from '../../model.ts'

/** A program run to its end, without a network, with nothing of this machine but /usr, the image and a folder of its own. */
export type RunTool = (command: readonly string[]) => Promise<{ code: number; stdout: Buffer; stderr: string }>

/** What an extractor gets. */
export interface DiskPlace {
  run: RunTool
  /** The image, and the folder that programs write to, as they see them. */
  inside: { image: string; out: string }
  /** The same, as this process sees them. */
  image: string
  out: string
  /** Bytes from the start of the image. */
  offset: number
  /** Most bytes that the contents may have together: what fits on this machine's disk. */
  mostBytes: number
}

export interface DiskEntry {
  path: string
  type: Exclude<EntryType, 'hardlink'> | 'socket'
  mode: number
  uid: number
  gid: number
  size: number
  link: string
  devMajor: number
  devMinor: number
  /** Extended attributes, in the form of inventories. */
  xattrs: Readonly<Record<string, string>>
  /** Where the content of a regular file lies now. */
  content: { file: string; offset: number } | null
}

/** A file system that was read. */
export interface DiskContents {
  entries: DiskEntry[]
  /** Extended attributes that could not be read. */
  gaps: Gap[]
}

export const diskLimits = {
  entries: 2_000_000,
  /** Bytes of all contents together, a hard link counted as a file: 256 GiB. */
  bytes: 2 ** 38,
  /** Bytes of one part of a path (NAME_MAX), and characters of all paths together. */
  name: 255,
  paths: 2 ** 29,
  /** Bytes of the extended attributes of all entries together: 256 MiB. Several inodes may point to one large attribute. */
  xattrs: 2 ** 28,
  /** Bytes of one symbolic link (PATH_MAX). */
  link: 4096,
} as const

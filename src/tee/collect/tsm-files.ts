import { mkdir, readFile, rmdir, stat } from 'node:fs/promises'
import { writeFile } from '../../base/write-file.ts'

/** What a request does with files: Node's own, or in tests a simulation that reproduces the kernel's rules. */
export interface TsmFiles {
  mkdir(path: string): Promise<unknown>
  read(path: string): Promise<Buffer>
  /** One write; the kernel hands it to the driver when the file is closed. */
  write(path: string, bytes: Buffer): Promise<void>
  /** True when the attribute is there: some can only be written, so that reading does not tell. */
  exists(path: string): Promise<boolean>
  rmdir(path: string): Promise<void>
}

export const kernelFiles: TsmFiles = {
  mkdir: (path) => mkdir(path),
  read: (path) => readFile(path),
  write: (path, bytes) => writeFile(path, bytes),
  exists: (path) =>
    stat(path).then(
      () => true,
      () => false,
    ),
  rmdir: (path) => rmdir(path),
}

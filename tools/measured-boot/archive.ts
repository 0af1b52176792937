import { mkdirSync, rmSync } from 'node:fs'
import { run } from './run.ts'

/** A tar archive of a folder, for a disk that a guest reads. */
export function packTar(folder: string, archive: string): void {
  run('tar', ['-c', '-f', archive, '-C', folder, '.'])
}

/** Unpacks what a guest left on its disk into a new folder. tar(1) itself keeps all within it. @returns the folder */
export function unpackTar(archive: string, folder: string): string {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  run('tar', ['-x', '-f', archive, '--no-same-owner', '-C', folder])
  return folder
}

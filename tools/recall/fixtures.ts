import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { goModule } from '../../testkit/go-module.ts'
import type { Ecosystem } from './types.ts'

export const syftVersion = '1.52.0'

/** A file of an ecosystem's fixtures; its path is below `testdata`. */
export interface FixtureFile {
  path: string
  content: Buffer
}

/** The folder of syft's catalogers in the Go module cache, downloaded where it is not there. @throws where Go is not here */
export function catalogersFolder(): string {
  return join(goModule(`github.com/anchore/syft@v${syftVersion}`), 'syft/pkg/cataloger')
}

/** Name of an ecosystem's folder among the copies: one that no cataloger looks for (`snap` is part of a path that syft's does). */
export function stagedName(ecosystem: string): string {
  return `of-${ecosystem}`
}

/** Copies the fixtures to `folder`, one folder per ecosystem, with those placed that a scan would not find by their name. */
export function stageFixtures(from: string, folder: string, ecosystems: readonly Ecosystem[]): void {
  for (const { name, place } of ecosystems) {
    const target = join(folder, stagedName(name))
    // The module cache is read-only, and so would be the copies.
    for (const { path, content } of filesOf(join(from, name, 'testdata'))) write(join(target, path), content)
    for (const [source, to] of Object.entries(place ?? {}))
      write(join(target, to), readFileSync(join(from, name, 'testdata', source)))
  }
}

function write(path: string, content: Buffer): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** Regular files below a folder, sorted. */
export function filesOf(folder: string): FixtureFile[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort()
    .map((path) => ({ path, content: readFileSync(join(folder, path)) }))
}

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The `go` program, or null: on PATH, or where its own installer puts it. */
export function findGo(): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/go/bin']
  return folders.map((folder) => join(folder, 'go')).find((path) => existsSync(path)) ?? null
}

/** The folder of a Go module in the module cache, downloaded where it is not there; read only. @throws where Go is not here */
export function goModule(module: string): string {
  const go = findGo()
  if (go === null) throw new Error(`go is not on PATH: it is needed for the files of ${module}`)
  // Outside any module of ours, so that no go.mod is looked at or written.
  const told = execFileSync(go, ['mod', 'download', '-json', module], {
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { Dir } = JSON.parse(told.toString()) as { Dir: string }
  return Dir
}

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** All files below a folder by relative path; a folder that is not there has none. */
export function readTree(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  let entries
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return files
    throw error
  }
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const path = join(entry.parentPath, entry.name)
    files.set(relative(folder, path), readFileSync(path))
  }
  return files
}

/** Makes the folder hold exactly these files. */
export function writeTree(folder: string, files: ReadonlyMap<string, Buffer>): void {
  rmSync(folder, { recursive: true, force: true })
  for (const [name, bytes] of files) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes, { mode: name === 'cli/index.js' ? 0o755 : 0o644 })
  }
}

/** One line for each file that is missing, too many or different. */
export function differences(wanted: ReadonlyMap<string, Buffer>, found: ReadonlyMap<string, Buffer>): string[] {
  const names = [...new Set([...wanted.keys(), ...found.keys()])].sort()
  return names.flatMap((name) => {
    const [a, b] = [wanted.get(name), found.get(name)]
    if (a === undefined) return [`too many: dist/${name}`]
    if (b === undefined) return [`missing: dist/${name}`]
    return a.equals(b) ? [] : [`different: dist/${name} (${b.length} bytes, the sources give ${a.length})`]
  })
}

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

/** One text file of the project; `path` is relative to the root, with forward slashes. */
export interface Source {
  readonly path: string
  readonly text: string
}

/** One import or re-export. */
export interface Import {
  /** As written: `./x.ts`, `node:fs`, `zod`. */
  readonly specifier: string
  /** Path from the root where the specifier is relative, else null. */
  readonly target: string | null
  /** `import type` and `export type` leave nothing behind at run time. */
  readonly typeOnly: boolean
  /** `import('…')`: the module is loaded when the line runs. */
  readonly lazy: boolean
  readonly line: number
}

/** Every text file that git tracks or would track. */
export function projectFiles(root: string): Source[] {
  const done = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  })
  if (done.status !== 0) throw new Error(`git ls-files failed: ${done.stderr}`)
  return [...new Set(done.stdout.split('\0'))]
    .filter((path) => path !== '' && existsSync(join(root, path)))
    .map((path) => ({ path, bytes: readFileSync(join(root, path)) }))
    .filter(({ bytes }) => !bytes.subarray(0, 8192).includes(0))
    .map(({ path, bytes }) => ({ path, text: bytes.toString('utf8') }))
}

// Prettier puts every import at the start of a line, which makes a regular expression enough.
const clause = String.raw`(?:\*(?:\s+as\s+\w+)?|\{[^}]*\}|[\w$]+(?:\s*,\s*(?:\{[^}]*\}|\*\s+as\s+\w+))?)`
const fixed = new RegExp(String.raw`^(?:import|export)\s+(type\s+)?(?:${clause}\s+from\s+)?['"]([^'"\n]+)['"]`, 'gm')
const lazy = /\bimport\(\s*['"]([^'"\n]+)['"]\s*(?:,\s*\{ with: \{[^}]*\} \}\s*)?\)(\.\w+)?/g

/** All imports of a TypeScript file, `import('…')` included. */
export function importsOf({ path, text }: Source): Import[] {
  const make = (specifier: string, typeOnly: boolean, isLazy: boolean, index: number): Import => ({
    specifier,
    target: specifier.startsWith('.') ? posix.normalize(posix.join(dirname(path), specifier)) : null,
    typeOnly,
    lazy: isLazy,
    line: text.slice(0, index).split('\n').length,
  })
  return [
    ...[...text.matchAll(fixed)].map((m) => make(m[2] ?? '', m[1] !== undefined, false, m.index)),
    // In a comment it is no import, and `import('x').Y` is a type.
    ...[...text.matchAll(lazy)]
      .filter((m) => !/^\s*(\*|\/\/)/.test(lineAt(text, m.index)))
      .map((m) => make(m[1] ?? '', /^\.[A-Z]/.test(m[2] ?? ''), true, m.index)),
  ]
}

function lineAt(text: string, index: number): string {
  return text.slice(text.lastIndexOf('\n', index) + 1, index)
}

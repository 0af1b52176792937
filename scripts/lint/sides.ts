import { importsOf, type Source } from './sources.ts'

/** What a top-level folder may import beside itself. What two sides share lies in `testkit/` (DESIGN §3). */
const allowed: Readonly<Record<string, readonly string[]>> = {
  test: ['src', 'testkit', 'scripts', 'bench'],
  testkit: ['src'],
  tools: ['src', 'testkit'],
  bench: ['src', 'testkit'],
  scripts: ['src', 'testkit', 'tools'],
}

/** Neither `test/` nor `tools/` imports the other, and `testkit/` imports `src/` only. */
export function checkSides(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const side = sideOf(source.path)
    const others = allowed[side]
    if (others === undefined || !/\.m?[jt]s$/.test(source.path)) return []
    return importsOf(source).flatMap(({ target, line }) => {
      if (target === null || !target.includes('/')) return []
      const other = sideOf(target)
      if (other === side || others.includes(other)) return []
      return [`${source.path}:${line}: ${side}/ must not import ${target}: what both need belongs in testkit/`]
    })
  })
}

function sideOf(path: string): string {
  return path.slice(0, path.indexOf('/'))
}

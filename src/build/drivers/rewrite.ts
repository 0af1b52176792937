import type { Pass } from '../driver.ts'

/**
 * The Containerfile with each base image replaced by what `replacement` gives for it, line by line: continuations and comments stay.
 * Only FROM lines change; COPY --from of an image is replaced as well. Stages that the target does not need become empty, since some
 * versions of buildah build them all the same. A `# syntax=` line goes: it would fetch a program that no record names.
 */
export function rewriteBases(pass: Pass, replacement: ReadonlyMap<string, string>): string {
  const lines = pass.source.replace(/^\uFEFF/, '').split(/\r?\n/)
  for (const { stage, base } of pass.plan.stages) {
    const text = base.kind === 'image' ? replacement.get(base.name) : undefined
    if (text === undefined) continue
    const line = lines[stage.line - 1]
    if (line !== undefined)
      lines[stage.line - 1] = line.replace(/^(\s*FROM\s+(?:--\S+\s+)*)\S+/i, (_all, head: string) => head + text)
  }
  if (dropSyntax(lines)) {
    pass.ports.log.info(`${pass.plan.file.name}: the syntax directive is left out, the builder's own syntax is used`)
  }
  const { stages } = pass.plan.file
  for (const stage of stages) {
    if (pass.plan.stages.some((item) => item.stage === stage)) continue
    const end = stages[stage.index + 1]?.line ?? lines.length + 1
    for (let line = stage.line; line < end; line++) lines[line - 1] = ''
    lines[stage.line - 1] = `FROM scratch${stage.name === null ? '' : ` AS ${stage.name}`}`
  }
  for (const { name, line } of pass.plan.copiedImages) {
    const text = replacement.get(name)
    const old = lines[line - 1]
    if (text !== undefined && old !== undefined) lines[line - 1] = old.replace(`--from=${name}`, () => `--from=${text}`)
  }
  return lines.join('\n')
}

/** Removes `# syntax=` from the directives at the top; the number of lines stays, so that the builder's messages still fit. */
function dropSyntax(lines: string[]): boolean {
  const start = lines[0]?.startsWith('#!') === true ? 1 : 0
  const end = lines.findIndex((line, i) => i >= start && !/^#\s*[a-zA-Z][a-zA-Z0-9]*\s*=/.test(line))
  const directives = lines.slice(start, end)
  const kept = directives.filter((line) => !/^#\s*syntax\s*=/i.test(line))
  lines.splice(start, directives.length, ...kept, ...directives.slice(kept.length).map(() => ''))
  return kept.length < directives.length
}

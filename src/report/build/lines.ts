import type { BuildResult } from '../../build/types.ts'

/** Paths that a terminal shows of one rebuild, and of a source that is not clean; the report has them all. */
const shown = { differing: 10, unclean: 3 } as const

/** What differs in each rebuild, for the terminal and the step log. */
export function differenceLines({ differences }: Pick<BuildResult, 'differences'>): string[] {
  return differences.flatMap(({ pass, digest, config, files, layers }) => {
    const what = [
      ...config.map((field) => `${field} of the configuration`),
      ...layers.map((layer) => `times or order of entries in layer ${layer + 1}`),
      ...files.map(({ path, fields }) => `/${path} (${fields.join(', ')})`),
    ]
    const more = what.length - shown.differing
    return [
      `not-reproducible: pass ${pass} gave ${digest}. These differ:`,
      ...what.slice(0, shown.differing).map((line) => `  ${line}`),
      ...(more > 0 ? [`  … and ${more} more, see the report`] : []),
    ]
  })
}

function whatToDo(unclean: readonly string[]): string {
  const folders = unclean.some((line) => line.includes(': empty folder'))
  return `Commit these files${folders ? ' and remove the empty folders' : ''}, or list them in the ignore file (.containerignore or .dockerignore)`
}

/** A source that is not a clean commit is refused by the gate much later, which knows no names any more. */
export function uncleanWarnings({ unclean }: Pick<BuildResult, 'unclean'>): string[] {
  if (unclean.length === 0) return []
  const more = unclean.length > shown.unclean ? '; … (the report lists more)' : ''
  return [
    `the source is not clean: ${unclean.slice(0, shown.unclean).join('; ')}${more}. ` +
      `verify-deploy refuses the image with source-mismatch unless the policy has accept-unbound-source. ${whatToDo(unclean)}`,
  ]
}

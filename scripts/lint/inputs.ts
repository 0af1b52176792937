import type { Source } from './sources.ts'

/** Behind these doors only the command line comes in, so that its form of an option is the right one. */
const ownForm = ['src/cli/', 'src/doors/definitions.generated.ts']

/** Inputs whose names are common words, so that a colon after them is prose: "the image: …". */
const words = new Set([
  'at',
  'certificate',
  'context',
  'file',
  'image',
  'key',
  'labels',
  'log',
  'output',
  'plan',
  'policy',
  'subject',
])

/**
 * A remedy names inputs in backticks (`kbs-url`, `signer: key`): the door then shows them as its reader types them. Without, the form of a workflow
 * would be shown on the command line.
 *
 * @param names of all inputs of actions
 */
export function checkInputNames(files: readonly Source[], names: readonly string[]): string[] {
  const single = names.filter((name) => !words.has(name)).join('|')
  const long = names.filter((name) => name.includes('-')).join('|')
  // In a command ("sealwright tee reference-values sign") and behind a path such a name is another word.
  const bare = new RegExp(
    `(?<![\\w\`/.$-])(?:(?:${single}): [a-z0-9][a-z0-9-]*(?!\`|[ a-z]* it )|(?:${long})(?![\\w\`/:-]))`,
  )
  return files
    .filter(
      ({ path }) => path.startsWith('src/') && path.endsWith('.ts') && !ownForm.some((own) => path.startsWith(own)),
    )
    .flatMap(({ path, text }) =>
      [...text.matchAll(/remedy(?::|\s*\?\?|\s*=)\s*(['`])((?:\\.|(?!\1)[^\n])*)\1/g)].flatMap(([, , remedy = '']) => {
        const found = bare.exec(remedy.replaceAll('\\`', '`').replaceAll(/"sealwright [^"]*"/g, ''))
        return found === null ? [] : [`${path}: a remedy names the input "${found[0]}" without backticks`]
      }),
    )
}

import { cloudClassifiers } from './cloud.ts'
import { javaClassifiers } from './java.ts'
import { languageClassifiers } from './languages.ts'
import { serverClassifiers } from './servers.ts'
import { toolClassifiers } from './tools.ts'
import type { Classifier } from './types.ts'

/** All classifiers. Those of one group stand in the order in which they are tried. */
export const classifiers: readonly Classifier[] = [
  ...languageClassifiers,
  ...serverClassifiers,
  ...toolClassifiers,
  ...cloudClassifiers,
  ...javaClassifiers,
]

const byName = new Map<string, Classifier[]>()
/** By the first letter: every file of an image is asked about. */
const byPrefix = new Map<string, { prefix: string; pattern: RegExp; classifier: Classifier }[]>()
for (const classifier of classifiers) {
  const { files } = classifier
  if ('prefix' in files) {
    const letter = files.prefix.charAt(0)
    byPrefix.set(letter, [...(byPrefix.get(letter) ?? []), { ...files, classifier }])
  } else for (const name of files) byName.set(name, [...(byName.get(name) ?? []), classifier])
}

/** Classifiers for a file by its name and path, in their order. */
export function classifiersFor({ name, path }: { name: string; path: string }): readonly Classifier[] {
  const exact = byName.get(name) ?? none
  const candidates = byPrefix.get(name.charAt(0))
  if (candidates === undefined && exact.length === 0) return none
  const named = (candidates ?? [])
    .filter(({ prefix, pattern }) => name.startsWith(prefix) && pattern.test(name))
    .map(({ classifier }) => classifier)
  if (exact.length + named.length === 0) return none
  return [...exact, ...named].filter((each) => each.path === undefined || each.path.test(path))
}
const none: readonly Classifier[] = []

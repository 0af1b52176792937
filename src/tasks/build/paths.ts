import { isAbsolute, relative } from 'node:path'

/** Whether a path is a folder or lies below it, by name alone. */
export function isInside(folder: string, path: string): boolean {
  const rest = relative(folder, path)
  return rest === '' || (!rest.startsWith('..') && !isAbsolute(rest))
}

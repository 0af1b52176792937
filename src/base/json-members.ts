import type { JsonObject } from './json.ts'

/**
 * Readers of JSON disagree on members: `JSON.parse` takes the last one of a name, Go's `encoding/json` merges lists and maps of equal names, and
 * takes a member for a field whatever the case of its name. A document that is signed by its bytes must mean the same to all of them.
 */

/**
 * A member name that stands twice in one object of a JSON text, or null.
 *
 * @param text that `JSON.parse` has taken
 */
export function duplicateMember(text: string): string | null {
  // One set of names for each open object, null for each open list.
  const open: (Set<string> | null)[] = []
  let names: Set<string> | null = null
  let atName = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      const start = at++
      let escaped = false
      for (; text.charCodeAt(at) !== 0x22; at++) {
        if (text.charCodeAt(at) !== 0x5c) continue
        escaped = true
        at++
      }
      if (!atName || names === null) continue
      atName = false
      const name = escaped ? String(JSON.parse(text.slice(start, at + 1))) : text.slice(start + 1, at)
      if (names.has(name)) return name
      names.add(name)
    } else if (code === 0x7b) {
      open.push((names = new Set()))
      atName = true
    } else if (code === 0x5b) {
      open.push((names = null))
      atName = false
    } else if (code === 0x7d || code === 0x5d) {
      open.pop()
      names = open.at(-1) ?? null
      atName = false
    } else if (code === 0x2c) atName = names !== null
  }
  return null
}

/**
 * A member that Go's readers take for one of the known names, and others do not: `Manifests` for `manifests`. Null where there is none.
 *
 * @param known names of the fields, in ASCII
 */
export function otherSpelling(object: JsonObject, known: readonly string[]): string | null {
  return Object.keys(object).find((name) => spelledOtherwise(name, known)) ?? null
}

/** {@link otherSpelling} for one name. */
export function spelledOtherwise(name: string, known: readonly string[]): boolean {
  return !known.includes(name) && known.some((own) => folded(own) === folded(name))
}

/** As `encoding/json` folds names: letters of ASCII, and the two letters beyond it that fold into ASCII (long s, Kelvin sign). */
function folded(name: string): string {
  return name
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
    .replaceAll('\u017f', 's')
    .replaceAll('\u212a', 'k')
}

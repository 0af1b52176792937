/**
 * Whether a regular expression repeats a group that itself holds a repetition or an alternative, as `(a+)+` or `(a|b)*` does. Matching such a pattern can
 * take time that doubles with each character of a name, and the name in a certificate is chosen by whoever asked for it.
 *
 * @param pattern that `RegExp` has taken
 */
export function repeatsGroups(pattern: string): boolean {
  // One entry for each open group: whether it holds a repetition or an alternative.
  const open: boolean[] = [false]
  let inClass = false
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern.charAt(at)
    if (char === '\\') at++
    else if (inClass) inClass = char !== ']'
    else if (char === '[') inClass = true
    else if (char === '(') open.push(false)
    else if (char === '|' || isRepetition(char)) open[open.length - 1] = true
    else if (char === ')') {
      const held = open.pop() === true
      if (held && isRepetition(pattern.charAt(at + 1))) return true
      // What a group holds, the group around it holds.
      if (held) open[open.length - 1] = true
    }
    // The `?` of `(?:` is part of the group's opening, not a repetition.
    if (char === '(' && pattern.charAt(at + 1) === '?') at++
  }
  return false
}

function isRepetition(char: string): boolean {
  return char === '*' || char === '+' || char === '{'
}

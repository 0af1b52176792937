/** Names that the runner knows (actions/runner, ActionCommandManager.cs). */
const known = new Set([
  'set-env',
  'set-output',
  'save-state',
  'add-mask',
  'add-path',
  'add-matcher',
  'remove-matcher',
  'warning',
  'error',
  'notice',
  'debug',
  'group',
  'endgroup',
  'echo',
  'stop-commands',
  'internal-set-repo-path',
])

/** What .NET's `char.IsWhiteSpace` says of `TrimStart`. */
const blank = /^[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/
/** What a comparison by culture does not see. */
const ignorable = /[\p{M}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu

/**
 * The commands that the workflow runner would find in what a step printed: lines as .NET's reader splits them, then `TryParseV2` and `TryParse` of
 * ActionCommand.cs. Stricter than the runner: ignorable characters are dropped, and a byte order mark before the command is passed over.
 */
export function commandsIn(printed: string): string[] {
  return printed.split(/\r\n|\r|\n/).flatMap((line) => {
    const found = newer(line) ?? older(line)
    return found === null ? [] : [found]
  })
}

function newer(line: string): string | null {
  const text = line.replace(blank, '').replace(ignorable, '').replace(blank, '')
  const end = text.startsWith('::') ? text.indexOf('::', 2) : -1
  const name = end < 0 ? '' : (text.slice(2, end).trim().split(' ')[0] ?? '')
  return known.has(name) ? name : null
}

function older(line: string): string | null {
  const text = line.replace(ignorable, '')
  const start = text.indexOf('##[')
  const end = start < 0 ? -1 : text.indexOf(']', start)
  const name =
    end < 0
      ? ''
      : (text
          .slice(start + 3, end)
          .trim()
          .split(' ')[0] ?? '')
  return known.has(name) ? name : null
}

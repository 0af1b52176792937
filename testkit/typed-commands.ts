/** Words of a line as a POSIX shell splits it, up to a comment, a pipe, a redirection or the next command; a quote joins words. */
export function shellWords(line: string): string[] {
  const words: string[] = []
  const pattern = /\s*(?:(#|[|;&]|\d?>|<)|((?:"(?:\\.|[^"])*"|'[^']*'|\\.|[^\s"'|;&<>])+))/y
  for (let found = pattern.exec(line); found !== null; found = pattern.exec(line)) {
    if (found[1] !== undefined || found[2]?.startsWith('#') === true) break
    words.push(
      (found[2] ?? '').replace(
        /"((?:\\.|[^"])*)"|'([^']*)'|\\(.)/g,
        (_, a?: string, b?: string, c?: string) => a ?? b ?? c ?? '',
      ),
    )
  }
  return words
}

/** Command lines of a Markdown page that begin with `sealwright`: lines of code blocks, continued ones joined, and code inside of text. */
export function sealwrightLines(page: string): string[] {
  const blocks = [...page.matchAll(/```(?:sh|console|bash)?\n([\s\S]*?)```/g)].map(([, block]) => block ?? '')
  const text = page.replace(/```[\s\S]*?```/g, '')
  return [
    ...blocks.flatMap((block) => block.replace(/\\\n\s*/g, '').split('\n')),
    ...[...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? ''),
  ]
    .map((line) => line.trim().replace(/^\$ /, ''))
    .filter((line) => line.startsWith('sealwright '))
}

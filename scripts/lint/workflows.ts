import type { Source } from './sources.ts'

const step = /(?:^|[\s{,])["']?uses["']?\s*:\s*["']?(\.\/[^\s"',}\]]*)/g

/**
 * `uses: ./…` of a step is looked up in the workspace. In a file that others call (a reusable workflow, a composite action) the workspace is
 * the caller's checkout, so the caller could put other code there: such files use `$/…`, their own repository at their own commit. A job's
 * `uses: ./.github/workflows/x.yml` is of the file's own repository and is allowed.
 */
export function checkWorkflows(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path, text }) => /\.ya?ml$/.test(path) && isCalled(text))
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) =>
        [...line.replace(/(?:^|\s)#.*$/, '').matchAll(step)]
          .map(([, used = '']) => used)
          .filter((used) => !/^\.\/\.github\/workflows\/[^/]+\.ya?ml$/.test(used))
          .map(
            (used) => `${path}:${index + 1}: "${used}" is read from the caller's checkout. Use "$/${used.slice(2)}"`,
          ),
      ),
    )
}

/**
 * A page is read by people whose workspace is their own repository: `uses: ./…` in its code would not find our actions there.
 */
export function checkPages(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) => {
      let code = false
      return text.split('\n').flatMap((line, index) => {
        if (line.trimStart().startsWith('```')) code = !code
        if (!code) return []
        return [...line.replace(/(?:^|\s)#.*$/, '').matchAll(step)].map(
          ([, used = '']) =>
            `${path}:${index + 1}: readers do not have "${used}". Use "OWNER/REPO/${used.slice(2)}@SHA"`,
        )
      })
    })
}

function isCalled(text: string): boolean {
  return /^[^#]*\bworkflow_call\b/m.test(text) || /^\s*using:\s*['"]?composite\b/m.test(text)
}

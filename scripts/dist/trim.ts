import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Trim {
  readonly file: string
  readonly from: RegExp
  readonly to: string
  /** How often `from` stands in the file. */
  readonly count: number
}

/**
 * Code of packages that no action reaches, and that every user of an action would download and every step load. webpack cannot tell: the packages
 * do not say that they are free of side effects.
 */
const trims: readonly Trim[] = [
  // Of @actions/github the context is used. Octokit, which `getOctokit` needs, has the address of every endpoint of GitHub's API.
  { file: '@actions/github/lib/github.js', from: /^import \{ GitHub.* from '.\/utils\.js';$/m, to: '', count: 1 },
  { file: '@actions/github/lib/github.js', from: /^export function getOctokit\([^]*?^\}$/m, to: '', count: 1 },
  // Of undici @actions/http-client uses ProxyAgent, for the `fetch` of Octokit alone. Requests go by Node's own fetch and http.
  {
    file: 'undici/index.js',
    from: /^'use strict'\n[^]*^const ProxyAgent = [^]*/m,
    to: "'use strict'\nmodule.exports.ProxyAgent = class { constructor () { throw new Error('left out: only Octokit needs it') } }\n",
    count: 1,
  },
]

/** Takes it out of the workspace's copies. @throws when a package has changed, so that somebody looks again */
export function trimPackages(workspace: string): void {
  for (const trim of trims) {
    const path = join(workspace, 'node_modules', trim.file)
    writeFileSync(path, trimmed(readFileSync(path, 'utf8'), trim))
  }
}

/** @throws when the text does not have what is to go as often as expected */
export function trimmed(text: string, { file, from, to, count }: Trim): string {
  const found = text.match(new RegExp(from, from.flags.includes('g') ? from.flags : `${from.flags}g`))?.length ?? 0
  if (found !== count) {
    throw new Error(
      `expected ${String(from)} ${count} times in ${file}, found ${found}: look what its new version needs, and change scripts/dist/trim.ts`,
    )
  }
  return text.replace(from, to)
}

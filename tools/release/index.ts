/** `npm run release -- --repository OWNER/REPO --sha SHA WORKFLOW…`: writes each workflow in the form that names our actions by commit. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { renderReleased } from './render.ts'

const root = resolve(import.meta.dirname, '../..')
const usage = `Usage: npm run release -- --repository OWNER/REPO --sha SHA [--output DIR] [WORKFLOW…]

Writes workflows (default: .github/workflows/publish.yml) with OWNER/REPO/actions/NAME@SHA in place of $/actions/NAME, for GitHub
Enterprise Server and for runners older than 2.336.

  --output DIR   folder for the rendered files (default: build/release)
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repository: { type: 'string' },
    sha: { type: 'string' },
    output: { type: 'string', default: join(root, 'build/release') },
    help: { type: 'boolean', short: 'h' },
  },
})
const { repository, sha, output } = values
if (values.help === true || repository === undefined || sha === undefined) {
  process.stdout.write(usage)
  process.exit(values.help === true ? 0 : 2)
}
mkdirSync(output, { recursive: true })
for (const path of positionals.length === 0 ? [join(root, '.github/workflows/publish.yml')] : positionals) {
  const target = join(output, basename(path))
  writeFileSync(target, renderReleased(readFileSync(path, 'utf8'), repository, sha))
  console.log(target)
}

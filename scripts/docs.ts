/**
 * Writes what the documentation repeats from the sources: the tables of inputs and outputs in each README and in
 * docs/root-action.md (between `<!-- inputs -->` and `<!-- /inputs -->`, and the same for outputs), those of
 * publish.yml in docs/reusable-workflow.md, the JSON Schemas of policies and results for editors, and a page
 * for each predicate. `--check` only compares.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { diffPolicyJsonSchema } from '../src/sbom/diff/policy-schema.ts'
import { diffResultJsonSchema } from '../src/sbom/diff/result-schema.ts'
import { format, resolveConfig } from 'prettier'
import { planJsonSchema } from '../src/kbs/plan-json-schema.ts'
import { policyJsonSchema } from '../src/verify/policy/json-schema.ts'
import { readersTable } from './docs/readers.ts'
import { registriesPage } from './docs/registries.ts'
import { soakPage } from './docs/soak.ts'
import { between, fill, lacking, parseAction, parseCalled } from './docs/tables.ts'
import { predicatePages } from './docs/predicates.ts'
import { kindsTable } from './docs/sbom-kinds.ts'
import { verifierPage } from './docs/verifier.ts'

const root = resolve(import.meta.dirname, '..')
const check = process.argv.includes('--check')
const findings: string[] = []

const folders = existsSync(join(root, 'actions')) ? readdirSync(join(root, 'actions')).sort() : []
const pages = [
  ['action.yml', 'docs/root-action.md'],
  ...folders.map((name) => [`actions/${name}/action.yml`, `actions/${name}/README.md`]),
] as [string, string][]
for (const [action, page] of pages) {
  if (!existsSync(join(root, action))) continue
  if (!existsSync(join(root, page))) {
    findings.push(`${page} is missing`)
    continue
  }
  const { text, missing } = fill(
    readFileSync(join(root, page), 'utf8'),
    parseAction(readFileSync(join(root, action), 'utf8')),
  )
  findings.push(...missing.map((marker) => `${page} has no <!-- ${marker} --> … <!-- /${marker} -->`))
  settle(page, text)
}
called('.github/workflows/publish.yml', 'docs/reusable-workflow.md')
settle('docs/schema/policy.schema.json', policyJsonSchema())
settle('docs/schema/plan.schema.json', planJsonSchema())
settle('docs/schema/sbom-diff-policy.schema.json', diffPolicyJsonSchema())
settle('docs/schema/sbom-diff.schema.json', diffResultJsonSchema())
settle('docs/verifier.md', verifierPage(root))
await table('docs/sbom.md', 'kinds', kindsTable())
await table('docs/guest-check.md', 'readers', readersTable())
settle('docs/soak.md', soakPage(root))
settle('docs/registries.md', registriesPage(root))
for (const [name, text] of predicatePages()) await formatted(`docs/predicates/${name}`, text)

for (const finding of findings) console.error(finding)
process.exitCode = findings.length === 0 ? 0 : 1

/** A table that prettier has to align, between markers of a page. */
async function table(page: string, marker: string, content: string): Promise<void> {
  const filled = between(readFileSync(join(root, page), 'utf8'), marker, content)
  if (filled === null) findings.push(`${page} has no <!-- ${marker} --> … <!-- /${marker} -->`)
  else await formatted(page, filled)
}

/** A page in the form that prettier gives it. */
async function formatted(path: string, text: string): Promise<void> {
  settle(path, await format(text, { ...(await resolveConfig(join(root, path))), filepath: path }))
}

/** The page of a reusable workflow: its tables, and which inputs of the root action it lacks. */
function called(workflow: string, page: string): void {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const file = parseCalled(read(workflow))
  const { text, missing } = fill(read(page), file)
  const filled = between(text, 'lacking', lacking(parseAction(read('action.yml')), file))
  findings.push(
    ...[...missing, ...(filled === null ? ['lacking'] : [])].map(
      (marker) => `${page} has no <!-- ${marker} --> … <!-- /${marker} -->`,
    ),
  )
  settle(page, filled ?? text)
}

function settle(path: string, text: string): void {
  const target = join(root, path)
  if (existsSync(target) && readFileSync(target, 'utf8') === text) return
  if (check) {
    findings.push(`${path} is not what the sources say: run "npm run docs"`)
    return
  }
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, text)
}

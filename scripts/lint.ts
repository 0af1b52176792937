/**
 * All static checks; each finding is one line. `npm run lint -- --fix` lets oxlint and prettier write first; `-- --graph` only prints the
 * imports between rooms.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { castListPath, checkCasts, countCasts, lowered, type CastList } from './lint/casts.ts'
import { checkCircles } from './lint/circles.ts'
import { checkDependencies, type Manifest } from './lint/dependencies.ts'
import { checkFloors } from './lint/floors.ts'
import { graph } from './lint/graph.ts'
import { checkInputNames } from './lint/inputs.ts'
import { checkSides } from './lint/sides.ts'
import { projectFiles } from './lint/sources.ts'
import { checkLength, checkTraces, measureDoors } from './lint/text.ts'
import { checkPages, checkWorkflows } from './lint/workflows.ts'
import { definitions } from '../src/doors/definitions.generated.ts'

const root = resolve(import.meta.dirname, '..')
if (process.argv.includes('--graph')) {
  console.log(graph(projectFiles(root)).join('\n'))
  process.exit()
}
const fix = process.argv.includes('--fix')
const failed: string[] = []

function program(title: string, command: string, args: readonly string[]): void {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (done.error) throw done.error
  if (done.status !== 0) failed.push(title)
}

function own(title: string, findings: readonly string[]): void {
  for (const finding of findings) console.log(finding)
  if (findings.length > 0) failed.push(title)
}

const bin = (name: string): string => join(root, 'node_modules/.bin', name)
program('oxlint', bin('oxlint'), ['--type-aware', ...(fix ? ['--fix'] : []), '.'])
program('prettier', bin('prettier'), ['--log-level', 'warn', fix ? '--write' : '--check', '.'])

const files = projectFiles(root)
own('floors', checkFloors(files))
own('sides', checkSides(files))
own('circles', checkCircles(files))
own('inputs', checkInputNames(files, inputNames()))
own('length', checkLength(files))
own('traces', checkTraces(files))
own('workflows', [...checkWorkflows(files), ...checkPages(files)])
own('dependencies', checkDependencies(files, read('package.json') as Manifest))
own('casts', casts())
const doors = measureDoors(files)
console.log(doors.figure)
own('doors', doors.findings)

for (const script of ['scripts/definitions.ts', 'scripts/docs.ts']) {
  if (existsSync(join(root, script)))
    program(script, process.execPath, [join(root, script), ...(fix ? [] : ['--check'])])
}

/** Of all actions. */
function inputNames(): string[] {
  return [...new Set(Object.values(definitions).flatMap(({ inputs }) => inputs.map(({ name }) => name)))]
}

/** `--fix` writes down fewer casts than the list allows, and moves of files; never more of them. */
function casts(): string[] {
  const counts = countCasts(files)
  const list = read(castListPath) as CastList
  const next = fix ? lowered(counts, list) : null
  if (next === null) return checkCasts(counts, list)
  writeFileSync(join(root, castListPath), `${JSON.stringify(next, null, 2)}\n`)
  return []
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), 'utf8'))
}

console.log(failed.length === 0 ? 'lint: nothing found' : `lint: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

/** All static checks; each finding is one line. `npm run lint -- --fix` lets oxlint and prettier write first. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { checkCircles } from './lint/circles.ts'
import { checkFloors } from './lint/floors.ts'
import { checkSides } from './lint/sides.ts'
import { projectFiles } from './lint/sources.ts'
import { checkLength, checkTraces } from './lint/text.ts'

const root = resolve(import.meta.dirname, '..')
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
own('length', checkLength(files))
own('traces', checkTraces(files))

for (const script of ['scripts/definitions.ts', 'scripts/docs.ts']) {
  if (existsSync(join(root, script)))
    program(script, process.execPath, [join(root, script), ...(fix ? [] : ['--check'])])
}

console.log(failed.length === 0 ? 'lint: nothing found' : `lint: failed: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

/**
 * Builds `dist/`: one shared bundle with lazy chunks, and a small stub for each action, the command line and the agent.
 *
 *   npm run dist                  writes dist/
 *   npm run dist -- --out DIR     writes it to DIR
 *   npm run dist:check            builds to memory and compares every byte with dist/
 */
import { resolve } from 'node:path'
import { bundle } from './dist/bundle.ts'
import { compile } from './dist/compile.ts'
import { differences, readTree, writeTree } from './dist/files.ts'
import { licences, notices } from './dist/licences.ts'
import { minify } from './dist/minify.ts'
import { assertSize, sizes } from './dist/sizes.ts'
import { stubs } from './dist/stubs.ts'
import { withWorkspace } from './dist/workspace.ts'

const root = resolve(import.meta.dirname, '..')

async function build(): Promise<Map<string, Buffer>> {
  return withWorkspace(root, async (workspace) => {
    compile(root, workspace)
    const { files, packages } = bundle(workspace)
    const result = new Map<string, Buffer>()
    for (const [name, bytes] of files) result.set(`bundle/${name}`, await minify(name, bytes))
    for (const [name, bytes] of stubs()) result.set(name, bytes)
    result.set('licenses.txt', licences(workspace, packages, notices(root)))
    return result
  })
}

const args = process.argv.slice(2)
const out = resolve(args[0] === '--out' && args[1] !== undefined ? args[1] : `${root}/dist`)
try {
  const built = await build()
  if (args[0] === '--check') {
    const different = differences(built, readTree(out))
    for (const line of different) console.error(line)
    if (different.length > 0) {
      console.error('dist/ is not what the sources give: run "npm run dist" and commit it')
      process.exitCode = 1
    }
  } else {
    writeTree(out, built)
  }
  for (const line of sizes(built)) console.log(line)
  assertSize(built)
} catch (error) {
  console.error(`dist: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

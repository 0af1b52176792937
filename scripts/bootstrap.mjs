// Runs a program of this project under Node 24, on any machine that has Node 18 or newer: installs the npm packages
// when they are missing or old (Node 24 is one of them) and goes on under that Node.
//
//   node scripts/bootstrap.mjs SCRIPT.ts ARGS…     a TypeScript file of ours
//   node scripts/bootstrap.mjs --bin NAME ARGS…    a program of node_modules/.bin
//   node scripts/bootstrap.mjs --install           only make the packages ready
import { spawn } from 'node:child_process'
import { closeSync, openSync, readSync, realpathSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { preparePackages } from './bootstrap/packages.mjs'
import { findNode } from './bootstrap/node.mjs'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  console.error(`bootstrap: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 2
}

async function main(args) {
  if (args.length === 0 || (args[0] === '--bin' && args.length === 1)) {
    throw new Error('usage: bootstrap.mjs SCRIPT.ts ARGS… | --bin NAME ARGS… | --install')
  }
  await preparePackages(root)
  const node = findNode(root)
  if (args[0] === '--install') return 0
  const [program, ...rest] =
    args[0] === '--bin' ? binary(node, args[1], args.slice(2)) : [node, script(args[0]), ...args.slice(1)]
  return run(program, rest, node)
}

function script(name) {
  return isAbsolute(name) ? name : join(root, name)
}

/** Programs of `.bin` are scripts for Node, or native programs: their first bytes tell. */
function binary(node, name, args) {
  const link = join(root, 'node_modules/.bin', name)
  let path
  try {
    path = realpathSync(link)
  } catch {
    throw new Error(`there is no program ${name} in node_modules/.bin`)
  }
  const head = Buffer.alloc(64)
  const file = openSync(path, 'r')
  readSync(file, head, 0, head.length, 0)
  closeSync(file)
  const firstLine = head.toString('latin1').split('\n')[0]
  return firstLine.startsWith('#!') && firstLine.includes('node') ? [node, path, ...args] : [path, ...args]
}

/** Runs it in the caller's folder, hands on signals, and ends as it ended. */
function run(program, args, node) {
  return new Promise((done, fail) => {
    const path = [dirname(node), join(root, 'node_modules/.bin'), process.env.PATH ?? ''].join(delimiter)
    const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, PATH: path } })
    const forward = (signal) => child.kill(signal)
    // A terminal sends Ctrl-C to the child as well: forwarding it would make two of one.
    const signals = process.stdin.isTTY ? ['SIGTERM', 'SIGHUP'] : ['SIGINT', 'SIGTERM', 'SIGHUP']
    for (const signal of signals) process.on(signal, forward)
    if (process.stdin.isTTY) process.on('SIGINT', () => {})
    child.once('error', (error) => fail(new Error(`${program} did not start: ${error.message}`)))
    child.once('close', (code, signal) => done(signal === null ? (code ?? 1) : 128 + constants.signals[signal]))
  })
}

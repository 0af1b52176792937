import { doors, postDoors } from '../../src/doors/registry.ts'

/** Every stub of `dist/` by its path, and the package.json that makes all of them ES modules. */
export function stubs(): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  const add = (path: string, entry: string): void => {
    files.set(path, Buffer.from(stub(entry)))
  }
  for (const name of Object.keys(doors)) add(`${name}/index.js`, `action:${name}`)
  for (const name of Object.keys(postDoors)) add(`${name}/post.js`, `post:${name}`)
  add('cli/index.js', 'cli')
  add('agent/index.js', 'agent')
  add('worker/index.js', 'worker')
  add('threads/index.js', 'threads')
  files.set('package.json', Buffer.from('{ "type": "module" }\n'))
  return files
}

/** Any Node that knows ES modules can read it, so that the one sentence about the version is what an old one says. */
function stub(entry: string): string {
  return `#!/usr/bin/env node
import { existsSync } from 'fs'

if (parseInt(process.versions.node, 10) >= 24) {
  import('../bundle/index.js')
    .then(function (bundle) {
      return bundle.start('${entry}', decodeURIComponent(new URL('../', import.meta.url).pathname))
    })
    .catch(function (error) {
      console.error(error)
      process.exitCode = 4
    })
} else {
  const own = decodeURIComponent(new URL('../../node_modules/.bin/node', import.meta.url).pathname)
  const remedy = existsSync(own) ? 'This clone has one: ' + own : 'Install Node 24 or newer and put it first on PATH.'
  console.error('needs Node 24: this is Node ' + process.versions.node + '. ' + remedy)
  process.exitCode = 2
}
`
}

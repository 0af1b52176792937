// usage: ncc-child.mjs WORKSPACE ENTRY OUT   (started by bundle.ts with the workspace as working directory)
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

const [workspace, entry, out] = process.argv.slice(2)
// The bundler's own path goes into module names too: it must come from the workspace.
const ncc = createRequire(join(workspace, 'package.json'))('@vercel/ncc')
const { code, assets, stats } = await ncc(entry, {
  cache: false,
  minify: false,
  sourceMap: false,
  quiet: true,
  esm: true,
})

const write = (name, bytes) => {
  const path = join(out, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}
write('index.js', code)
for (const [name, asset] of Object.entries(assets)) write(name, asset.source)

const packages = new Set()
for (const module of stats.compilation.modules) {
  for (const part of module.modules ?? [module]) {
    const match = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(part.resource ?? '')
    if (match !== null && !match[0].includes('@vercel/ncc')) packages.add(match[0].slice(workspace.length + 1))
  }
}
writeFileSync(join(workspace, 'packages.json'), JSON.stringify([...packages].sort()))

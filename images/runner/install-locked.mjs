// install-locked FOLDER: what `npm ci --omit=dev --ignore-scripts` does, without a network and without npm: each package of the
// package-lock.json in the current folder is taken from FOLDER, where the archive lies under the SHA-512 that the lock file names.
// A file that does not hash to it is refused. Packages' own scripts are not run.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const folder = process.argv[2]
if (folder === undefined) fail('usage: install-locked FOLDER')
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
if (lock.lockfileVersion !== 3) fail(`package-lock.json has version ${lock.lockfileVersion}, not 3`)
if (existsSync('node_modules')) fail('node_modules is there already')

let count = 0
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '' || entry.dev === true) continue
  if (!/^(node_modules\/(@[\w.-]+\/)?[\w.-]+\/?)+$/.test(path) || path.includes('..'))
    fail(`${path} is no path of a package`)
  if (entry.link === true || entry.inBundle === true) fail(`${path} is not a package from a registry`)
  const [, base64] = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(entry.integrity ?? '') ?? []
  if (base64 === undefined) fail(`${path} has no SHA-512 in package-lock.json`)
  const wanted = Buffer.from(base64, 'base64').toString('hex')
  const archive = readFileSync(join(folder, wanted))
  const found = createHash('sha512').update(archive).digest('hex')
  if (found !== wanted) fail(`the archive of ${path} does not have the SHA-512 of package-lock.json`)
  mkdirSync(path, { recursive: true })
  execFileSync('tar', ['-xzf', '-', '-C', path, '--strip-components', '1'], { input: archive })
  linkPrograms(path, entry.bin ?? {})
  count += 1
}
console.log(`${count} packages installed`)

/** Programs stand in `.bin` of the node_modules folder that the package lies in, as npm puts them. */
function linkPrograms(path, bin) {
  for (const [name, target] of Object.entries(bin)) {
    if (!/^[\w.-]+$/.test(name) || String(target).split('/').includes('..'))
      fail(`${path} has a program ${name} that points elsewhere`)
    const file = join(path, target)
    const links = join(path.slice(0, path.lastIndexOf('node_modules/')), 'node_modules/.bin')
    mkdirSync(links, { recursive: true })
    chmodSync(file, 0o755)
    const link = join(links, name)
    if (!existsSync(link)) symlinkSync(relative(dirname(link), file), link)
  }
}

function fail(why) {
  console.error(`install-locked: ${why}`)
  process.exit(1)
}

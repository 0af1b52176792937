import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../src/base/errors.ts'

export const root = resolve(import.meta.dirname, '../..')
const folder = join(root, 'images/runner')
const parts = join(root, '.peers/boot')

const text = z.string().min(1)
const schema = z.strictObject({
  name: text,
  about: text,
  commandLine: z.string().regex(/^[ -~]+$/),
  osRelease: z.array(text),
  kernel: text,
  stub: text,
  firmware: z.strictObject({ code: text, variables: text }),
  modules: z.array(text),
  packaged: z.record(text, text),
  own: z.record(text, text),
  folders: z.array(text),
})
/** `images/runner/recipe.json`: what goes into the image, and from where. */
export type Recipe = z.infer<typeof schema>

/** A Debian package that parts come from. */
export interface PartPackage {
  name: string
  version: string
  sha256: string
}

export function readRecipe(): Recipe {
  return schema.parse(JSON.parse(readFileSync(join(folder, 'recipe.json'), 'utf8')))
}

/** A file of ours beside the recipe. */
export function ownFile(name: string): Buffer {
  return readFileSync(join(folder, name))
}

/** Path of a file of the unpacked packages; a name that ends in `-` stands for the one file that begins so. */
export function partPath(name: string): string {
  const tree = join(parts, 'tree')
  if (!name.endsWith('-')) return existing(join(tree, name))
  const at = name.lastIndexOf('/')
  const found = existsSync(join(tree, name.slice(0, at)))
    ? readdirSync(join(tree, name.slice(0, at))).filter((file) => file.startsWith(name.slice(at + 1)))
    : []
  if (found.length !== 1) return existing(join(tree, `${name}…`))
  return join(tree, name.slice(0, at + 1), found[0] ?? '')
}

export function partPackages(): PartPackage[] {
  return readFileSync(existing(join(parts, 'packages')), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [name = '', version = '', sha256 = ''] = line.split(' ')
      return { name, version, sha256 }
    })
}

function existing(path: string): string {
  if (existsSync(path)) return path
  throw new InputError('tool-missing', `${path} is not there`, {
    subject: 'runner-parts',
    remedy: 'Run scripts/peers: it unpacks the Debian packages that the image is built from.',
  })
}

import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { InputError } from '../../src/base/errors.ts'
import { root } from '../runner-image/recipe.ts'

/**
 * Absolute path of a peer program: those of `scripts/peers` come first, then the machine's own.
 *
 * @throws InputError `tool-missing`
 */
export function program(name: string): string {
  for (const folder of [join(root, '.peers/bin'), ...(process.env['PATH'] ?? '').split(delimiter)]) {
    if (folder !== '' && existsSync(join(folder, name))) return join(folder, name)
  }
  throw new InputError('tool-missing', `${name} is not installed`, { subject: name, remedy: 'Run scripts/peers.' })
}

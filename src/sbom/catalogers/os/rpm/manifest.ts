import { shownWords } from '../database-text.ts'
import { damaged } from '../damaged.ts'
import type { RpmPackage } from './package.ts'

/**
 * The list that Azure Linux leaves in images without rpm's database: per package a line of name, version-release, times, vendor, epoch,
 * size, architecture, epoch as a number, and source package, with tabs between.
 *
 * @throws VerificationError `format-invalid` for a line of another form
 */
export function readManifest(text: string, path: string): RpmPackage[] {
  if (text !== '' && !text.endsWith('\n')) throw damaged(path, 'ends within a line')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', full = '', , , vendor = '', epoch = '', , arch = '', number = '', sourceRpm] = line.split('\t')
      const dash = full.lastIndexOf('-')
      if (name === '' || dash < 1 || dash === full.length - 1 || sourceRpm === undefined)
        throw damaged(path, `has a line that names no package: ${line.slice(0, 100)}`)
      return {
        name,
        version: full.slice(0, dash),
        release: full.slice(dash + 1),
        epoch: epoch === '(none)' ? null : number,
        arch,
        vendor: shownWords(known(vendor)),
        licence: '',
        url: '',
        sourceRpm: known(sourceRpm),
        modularity: '',
        provides: [],
        requires: [],
        files: [],
      }
    })
}

function known(text: string): string {
  return text === '(none)' ? '' : text
}

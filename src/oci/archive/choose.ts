import { InputError } from '../../base/errors.ts'
import type { Digest } from '../types.ts'

/** An image of an archive and the names that it has there. */
export interface NamedImage {
  digest: Digest
  names: readonly string[]
}

/**
 * The image of an archive that was asked for.
 *
 * @param wanted a name that the archive has, its tag alone, or a digest; null for the only image
 * @throws InputError `not-found`, `input-invalid` with what is there
 */
export function chooseImage<T extends NamedImage>(images: readonly T[], wanted: string | null, path: string): T {
  const fitting = wanted === null ? images : images.filter((image) => fits(image, wanted))
  const [first] = fitting
  const there = images.map(({ names, digest }) => names[0] ?? digest)
  const list = `${there.slice(0, 20).join(', ')}${there.length > 20 ? `, and ${there.length - 20} more` : ''}`
  if (first === undefined) {
    throw new InputError('not-found', `"${path}" holds ${wanted === null ? 'no image' : `no image "${wanted}"`}`, {
      subject: path,
      remedy: there.length === 0 ? 'Name an archive of an image.' : `Images there: ${list}.`,
    })
  }
  if (fitting.every(({ digest }) => digest === first.digest)) return first
  throw new InputError('input-invalid', `"${path}" holds ${fitting.length} images that fit: ${list}`, {
    subject: path,
    remedy: `Append the name of one after a colon, such as :${first.names[0] ?? first.digest}.`,
  })
}

function fits({ names, digest }: NamedImage, wanted: string): boolean {
  const short = (name: string): string => name.replace(/^docker\.io\//, '').replace(/^library\//, '')
  const tag = (name: string): string => name.slice(name.lastIndexOf(':') + 1)
  if (digest === wanted || names.some((name) => short(name) === short(wanted))) return true
  return names.some((name) => tag(name) === wanted)
}

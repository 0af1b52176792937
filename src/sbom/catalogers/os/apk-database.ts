import type { Checksum } from '../../model.ts'
import { damaged } from './damaged.ts'

/** One package of apk's database (apk-v2 format, the file `installed`). */
export interface ApkPackage {
  /** Fields of one letter; those of files are in `files`. */
  fields: Map<string, string>
  files: { path: string; checksum?: Checksum }[]
}

export interface ApkDatabase {
  packages: ApkPackage[]
  /** The last package has no empty line behind it, which apk always writes. */
  open: boolean
}

/** Reads apk's database. @throws VerificationError `format-invalid` for what apk did not write, such as an end within a line */
export function parseApk(text: string, path: string): ApkDatabase {
  if (text !== '' && !text.endsWith('\n')) throw damaged(path, 'ends within a line')
  const packages: ApkPackage[] = []
  let current: ApkPackage | null = null
  let folder = ''
  for (const line of text.split('\n')) {
    if (line === '') {
      current = null
      folder = ''
      continue
    }
    if (line[1] !== ':') throw damaged(path, `has a line that is not a field: ${line.slice(0, 100)}`)
    if (current === null) packages.push((current = { fields: new Map(), files: [] }))
    const [letter, value] = [line.slice(0, 1), line.slice(2)]
    const file = current.files.at(-1)
    if (letter === 'F') folder = value === '' ? '' : `${value}/`
    else if (letter === 'R') current.files.push({ path: `${folder}${value}` })
    else if (letter === 'Z' && file !== undefined) file.checksum = checksumOf(value, path)
    else if (!current.fields.has(letter)) current.fields.set(letter, value)
    // Attributes of folders and files come once for each; anything else once.
    else if (letter !== 'M' && letter !== 'a') throw damaged(path, `has the field ${letter} twice in one package`)
  }
  for (const { fields } of packages)
    for (const letter of ['P', 'V'])
      if ((fields.get(letter) ?? '') === '') throw damaged(path, `has a package without the field ${letter}`)
  return { packages, open: text !== '' && !text.endsWith('\n\n') }
}

/** `Q1` and SHA-1, `Q2` and SHA-256, both in base64; before those, MD5 in hex. */
function checksumOf(value: string, path: string): Checksum {
  const kind = value.slice(0, 2)
  if (kind === 'Q1' || kind === 'Q2') {
    const digest = Buffer.from(value.slice(2), 'base64')
    if (digest.length === (kind === 'Q1' ? 20 : 32))
      return { algorithm: kind === 'Q1' ? 'SHA-1' : 'SHA-256', value: digest.toString('hex') }
  } else if (/^[0-9a-f]{32}$/.test(value)) return { algorithm: 'MD5', value }
  throw damaged(path, `has a checksum of a form that is not known: ${value.slice(0, 100)}`)
}

import { nameOf } from '../../../tar/names.ts'

/** A file of a list in mtree(5) format. */
export interface MtreeFile {
  /** Relative to the root, without `./`. */
  path: string
  /** Lower-case hex; null where there is none (folders, links). */
  sha256: string | null
}

/** Files of an mtree(5) list with full paths, as pacman keeps it. Its own metadata (`.PKGINFO`) is left out. @throws Error for another form */
export function parseMtree(text: string): MtreeFile[] {
  if (!text.startsWith('#mtree')) throw new Error('is not an mtree list')
  return text.split('\n').flatMap((line): MtreeFile[] => {
    if (line === '' || line.startsWith('#') || line.startsWith('/set ') || line.startsWith('/unset ')) return []
    const [name = '', ...keywords] = line.split(' ')
    if (!name.startsWith('./') || line.endsWith('\\'))
      throw new Error(`has a line of another form: ${line.slice(0, 100)}`)
    const path = unescape(name.slice(2))
    if (/^\.[A-Z]+$/.test(path)) return []
    const sha256 = keywords
      .map((word) => /^sha256(?:digest)?=([0-9a-f]{64})$/.exec(word)?.[1])
      .find((one) => one !== undefined)
    return [{ path, sha256: sha256 ?? null }]
  })
}

/** Bytes in octal (vis(3)), which together are UTF-8. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  const plain = bytes.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
  return nameOf(Buffer.from(plain, 'latin1'))
}

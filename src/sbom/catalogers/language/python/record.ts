import type { OwnedFile } from '../../../model.ts'
import { textIn } from '../../foreign.ts'
import { prefixedSum } from '../../sums.ts'

/** A file that a distribution has installed, as named in its list. */
export type RecordedFile = Pick<OwnedFile, 'path' | 'checksum'>

/** Lines of a RECORD file (PEP 376, PEP 427): `path,sha256=base64,size`; a path with a comma is quoted. @throws Error for a line of another form */
export function readRecord(content: Buffer): RecordedFile[] {
  const found: RecordedFile[] = []
  for (const line of textIn(content).split('\n')) {
    const text = line.replace(/\r$/, '')
    if (text === '') continue
    const [path = '', digest = ''] = fieldsOf(text)
    if (path === '') throw new Error(`RECORD has a line without a path: ${text.slice(0, 100)}`)
    const [checksum] = prefixedSum(digest)
    found.push({ path, checksum })
  }
  return found
}

function fieldsOf(line: string): string[] {
  if (!line.startsWith('"')) return line.split(',')
  let end = line.indexOf('"', 1)
  while (end !== -1 && line.charAt(end + 1) === '"') end = line.indexOf('"', end + 2)
  if (end === -1) throw new Error('RECORD has a quote that does not end')
  return [line.slice(1, end).replaceAll('""', '"'), ...line.slice(end + 2).split(',')]
}

/** Paths of installed-files.txt, which lists them from the folder that it lies in. */
export function readInstalledFiles(content: Buffer): RecordedFile[] {
  return textIn(content)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((path) => ({ path }))
}

/** A listed path from the root of the image; null for one that leaves it. */
export function placed(folder: string, path: string): string | null {
  const parts = path.startsWith('/') ? [] : folder.split('/').filter((part) => part !== '')
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return null
  }
  return parts.length === 0 ? null : parts.join('/')
}

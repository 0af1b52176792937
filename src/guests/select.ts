import { InputError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { readers } from './readers/table.ts'
import type { Reader } from './types.ts'

/** `name@version`, as it is written in `--for` and shown in reports. */
export function readerName({ name, version }: Reader): string {
  return `${name}@${version}`
}

/**
 * Readers that a list names, each once, in the order of the table: all of them for an empty list, every version of a bare name.
 *
 * @param wanted `NAME` or `NAME@VERSION`; a version may be shorter or longer than the known one (`cosign@3`, `coco@0.21.0`)
 * @throws InputError `input-invalid` naming what is known
 */
export function selectReaders(wanted: readonly string[]): Reader[] {
  if (wanted.length === 0) return [...readers]
  const chosen = new Set(wanted.flatMap(selectOne))
  return readers.filter((reader) => chosen.has(reader))
}

function selectOne(text: string): Reader[] {
  const [name = '', version, ...rest] = text.split('@')
  const named = readers.filter((reader) => reader.name === name)
  if (named.length === 0 || rest.length > 0) {
    const known = [...new Set(readers.map((reader) => reader.name))]
    const near = nearest(name, known)
    throw new InputError('input-invalid', `--for: "${text}" is not a known reader`, {
      subject: 'for',
      remedy: `${near === null ? '' : `Did you mean ${near}? `}Known are ${known.join(', ')}.`,
    })
  }
  if (version === undefined) return named
  const found = named.filter((reader) => agrees(reader.version, version))
  if (found.length > 0) return found
  throw new InputError('input-invalid', `--for: no rules are known for ${name} ${version}`, {
    subject: 'for',
    remedy: `Known are ${named.map(readerName).join(', ')}.`,
  })
}

/** Whether two versions agree in every part that both have. */
function agrees(known: string, wanted: string): boolean {
  if (!/^v?[0-9]+(?:\.[0-9]+)*$/.test(wanted)) return false
  const [a, b] = [known.split('.'), wanted.replace(/^v/, '').split('.')]
  return a.every((part, i) => b[i] === undefined || part === b[i])
}

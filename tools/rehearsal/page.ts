import { readFileSync, writeFileSync } from 'node:fs'
import { InputError } from '../../src/base/errors.ts'

const begin = '<!-- run -->\n'
const end = '<!-- end of run -->'

/** Puts a run's result between the two marks of a page. @throws InputError `file-invalid` where it has not both of them, once each */
export function putIntoPage(path: string, result: string): void {
  const text = readFileSync(path, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to < from || text.includes(begin, from + 1) || text.includes(end, to + 1)) {
    throw new InputError('file-invalid', `${path} has not the marks “${begin.trim()}” and “${end}” once each`, {
      subject: path,
    })
  }
  writeFileSync(path, `${text.slice(0, from + begin.length)}\n${result}\n${text.slice(to)}`)
}

import { InputError } from '../base/errors.ts'
import { formats } from './documents/schema/formats.ts'
import { parseParty } from './found.ts'
import type { Party } from './model.ts'

/**
 * A person or an organization as an input gives it: `Name <address>` with an e-mail address or a web address, `Organization: ` or `Person: `
 * before it where the name alone does not tell. Null where the input is empty.
 *
 * @throws InputError `input-invalid`
 */
export function parseStatedParty(text: string, input: string): Party | null {
  if (text.trim() === '') return null
  const said = /^\s*(Person|Organization):\s*/i.exec(text)
  const found = parseParty(said === null ? text : text.slice(said[0].length))
  if (found === null || found.name.length > 1024) {
    throw new InputError('input-invalid', `${input}: "${text}" is not a person or an organization`, {
      subject: input,
      remedy: 'Write NAME <ADDRESS>, for example "Organization: ACME <sbom@acme.example>".',
    })
  }
  const { name, email: address } = found
  const kind = said === null ? found.kind : said[1]?.toLowerCase() === 'person' ? 'person' : 'organization'
  if (address === undefined) return { kind, name }
  if (/^https?:\/\/[^\s]+$/.test(address)) return { kind, name, url: address }
  if (formats['idn-email']?.(address) === true) return { kind, name, email: address }
  throw new InputError('input-invalid', `${input}: "${address}" is neither an e-mail address nor a web address`, {
    subject: input,
    remedy: 'Write NAME <name@host> or NAME <https://host>.',
  })
}

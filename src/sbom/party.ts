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
  // Taken as a name it would stand in the documents as a person of that name.
  const alone = text.trim().replace(/^<(.*)>$/, '$1')
  if (isAddress(alone)) {
    throw new InputError('input-invalid', `${input}: "${text}" is an address without a name`, {
      subject: input,
      remedy: `Write the name before it: NAME <${alone}>.`,
    })
  }
  if (found === null || found.name.length > 1024) {
    throw new InputError('input-invalid', `${input}: "${text}" is not a person or an organization`, {
      subject: input,
      remedy: 'Write NAME <ADDRESS>, for example "Organization: ACME <sbom@acme.example>".',
    })
  }
  const { name, email: address } = found
  const kind = said === null ? found.kind : said[1]?.toLowerCase() === 'person' ? 'person' : 'organization'
  if (address === undefined) return { kind, name }
  if (isWeb(address)) return { kind, name, url: address }
  if (isAddress(address)) return { kind, name, email: address }
  throw new InputError('input-invalid', `${input}: "${address}" is neither an e-mail address nor a web address`, {
    subject: input,
    remedy: 'Write NAME <name@host> or NAME <https://host>.',
  })
}

function isWeb(text: string): boolean {
  return /^https?:\/\/[^\s]+$/.test(text)
}

function isAddress(text: string): boolean {
  return isWeb(text) || formats['idn-email']?.(text) === true
}

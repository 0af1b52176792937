import { table } from '../../../base/table.ts'
import { dep5Licence } from '../../licence.ts'

/** Files of /usr/share/common-licenses that are one licence whatever the text around them says. */
const common: Readonly<Record<string, string>> = table({
  'Apache-2.0': 'Apache-2.0',
  'MPL-1.1': 'MPL-1.1',
  'MPL-2.0': 'MPL-2.0',
  'CC0-1.0': 'CC0-1.0',
})

/** Signs of a further licence that has no file of its own there. */
const others =
  /permission is hereby granted|redistribution and use in source|permission to use, copy, modify|public domain/

/**
 * The licence of a Debian copyright file: by its fields (DEP-5), else by its text where that allows one answer only: it refers to exactly
 * one of the common licences, quotes no other, and for the GPL family says "any later version".
 */
export function debianLicence(text: string): string | null {
  return dep5Licence(text) ?? plainLicence(text)
}

function plainLicence(text: string): string | null {
  if (/^format(-specification)?:/im.test(text.slice(0, 1000))) return null
  const plain = text.toLowerCase().replace(/[\s*#]+/g, ' ')
  if (others.test(plain)) return null
  const references = [...text.matchAll(/\/usr\/share\/common-licenses\/([A-Za-z0-9.+-]*[A-Za-z0-9])/g)]
  const names = new Set(references.map(([, name]) => name))
  const [name] = names
  if (names.size !== 1 || name === undefined) return null
  const fixed = common[name]
  if (fixed !== undefined) return fixed
  const family = /^(L?GPL)-(1|2|2\.1|3)$/.exec(name)
  const [, kind, version = ''] = family ?? []
  if (family === null || !plain.includes('any later version')) return null
  return `${kind}-${version.includes('.') ? version : `${version}.0`}-or-later`
}

import { damaged } from './damaged.ts'
import type { Paragraph } from './deb822.ts'

/** States in which files of a package are on disk (dpkg(1)), and the two in which none are. */
const present = ['installed', 'half-installed', 'unpacked', 'half-configured', 'triggers-awaited', 'triggers-pending']
const absent = ['not-installed', 'config-files']
const wanted = ['unknown', 'install', 'hold', 'deinstall', 'purge']
const flags = ['ok', 'reinstreq']

/** A package of dpkg's database whose files are there. */
export interface Installed {
  paragraph: Paragraph
  name: string
  version: string | null
  arch: string
  /** dpkg's word where that is not `installed`. */
  state: string | null
  /** File that says so. */
  path: string
}

/** One paragraph of `status`; null for a package that is not there. @throws VerificationError `format-invalid` */
export function statusEntry(paragraph: Paragraph, path: string): Installed | null {
  const field = (name: string): string => paragraph.get(name) ?? ''
  const name = field('package')
  if (name === '') throw damaged(path, 'has a paragraph without a package name')
  const [want, flag, state, ...more] = field('status').split(/[ \t]+/)
  const known = wanted.includes(want ?? '') && flags.includes(flag ?? '') && more.length === 0
  if (!known || state === undefined || ![...present, ...absent].includes(state))
    throw damaged(path, `gives ${name} the status "${field('status')}", which dpkg does not know`)
  if (absent.includes(state)) return null
  // Only a package that was never unpacked completely may lack it (dpkg, lib/dpkg/parse.c).
  if (field('version') === '' && state !== 'half-installed') throw damaged(path, `gives ${name} no version`)
  return { ...entry(paragraph, path), state: state === 'installed' ? null : state }
}

/** One paragraph of a file in `status.d` (distroless): what is listed there is there. @throws VerificationError `format-invalid` */
export function controlEntry(paragraph: Paragraph, path: string): Installed | null {
  if ((paragraph.get('package') ?? '') === '') throw damaged(path, 'has a paragraph without a package name')
  return paragraph.has('status') ? statusEntry(paragraph, path) : entry(paragraph, path)
}

function entry(paragraph: Paragraph, path: string): Installed {
  const version = paragraph.get('version') ?? ''
  return {
    paragraph,
    name: paragraph.get('package') ?? '',
    version: version === '' ? null : version,
    arch: paragraph.get('architecture') ?? '',
    state: null,
    path,
  }
}

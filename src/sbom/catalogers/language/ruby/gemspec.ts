import { nameIn, textIn } from '../../foreign.ts'
import { rubyTexts } from './ruby-literals.ts'

/** What a gemspec says in literals. */
export interface Gemspec {
  name: string
  version: string | null
  /** `ruby` for all platforms. */
  platform: string
  licences: string[]
  homepage: string
  authors: string[]
  email: string
  /** Names of gems that it needs when it runs. */
  dependencies: string[]
}

/**
 * Reads a gemspec, which is a Ruby program: of the form that RubyGems writes for an installed gem, literal assignments one a line.
 *
 * @throws Error where the name, or a version that is given, is no literal: nothing short of running the program would tell it
 */
export function readGemspec(content: Buffer, strictVersion: boolean): Gemspec {
  const text = textIn(content)
  const block = /Gem::Specification\.new(?:\(?[^\n|]{0,300})?[ \t]*(?:do|\{)[ \t]*\|[ \t]*(\w{1,50})[ \t]*\|/.exec(text)
  const variable = block?.[1]
  if (variable === undefined) throw new Error('expected the form that RubyGems writes (Gem::Specification.new do |s|)')
  const fields = new Map<string, string>()
  const dependencies = new Set<string>()
  for (const line of text.split('\n')) {
    const statement = line.trimStart()
    if (!statement.startsWith(`${variable}.`)) continue
    const rest = statement.slice(variable.length + 1)
    const needed = /^add_(?:runtime_)?dependency[ \t(]+/.exec(rest)?.[0]
    if (needed !== undefined) dependencies.add(firstText(rest.slice(needed.length)))
    const [assigned, name = ''] = /^(\w{1,40})[ \t]*=(?!=)/.exec(rest) ?? []
    if (assigned !== undefined && !fields.has(name)) fields.set(name, rest.slice(assigned.length))
  }
  dependencies.delete('')
  const texts = (name: string): string[] => rubyTexts(fields.get(name) ?? '') ?? []
  const version = rubyTexts((fields.get('version') ?? '').replace(/^\s*Gem::Version\.new\(?/, ''))?.[0]
  if (version === undefined && strictVersion) throw new Error('expected a literal version')
  return {
    name: nameIn(rubyTexts(fields.get('name') ?? '')?.[0], 'literal name'),
    version: version === undefined ? null : nameIn(version, 'version'),
    platform: texts('platform')[0] ?? 'ruby',
    licences: [...texts('licenses'), ...texts('license')],
    homepage: texts('homepage')[0] ?? '',
    authors: [...texts('authors'), ...texts('author')],
    email: texts('email')[0] ?? '',
    dependencies: [...dependencies],
  }
}

/** The first argument of a call. */
function firstText(source: string): string {
  return rubyTexts(source)?.[0] ?? ''
}

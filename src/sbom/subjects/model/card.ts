import { isObject, parseJson } from '../../../base/json.ts'
import { messageOf } from '../../../base/errors.ts'
import type { PassReader } from '../../../image/types.ts'
import type { Catalogue, Gap } from '../../model.ts'
import type { ModelFacts } from './facts.ts'

/** Largest card or configuration that is read: real ones have some kilobytes. */
const most = 1 << 20
/** Characters of the metadata of a card: that of many evaluations has some 200,000. */
const mostMetadata = 512 << 10
/** Values of one list of a card. */
const mostValues = 1000

/** What `config.json` and the card (`README.md`) at the top of a model or dataset say. */
export class CardReader implements PassReader {
  private readonly files = new Map<string, Buffer>()
  private readonly large: string[] = []

  wants({ path, size }: { path: string; size: number }): number {
    if (path !== 'config.json' && path !== 'README.md') return 0
    if (size <= most) return Math.max(size, 1)
    this.large.push(path)
    return 0
  }

  file({ path }: { path: string }, content: Buffer): void {
    this.files.set(path, Buffer.from(content))
  }

  /** @returns facts, and a gap for a file that cannot be read: what it says is then unknown */
  async finish(catalogue: Pick<Catalogue, 'packages'>): Promise<{ facts: ModelFacts; gaps: Gap[] }> {
    const gaps: Gap[] = this.large.map((path) => gap(path, `the file has more than ${most} bytes`, 'too-large'))
    const facts: ModelFacts = { properties: headerProperties(catalogue) }
    for (const [path, read] of [
      ['config.json', configFacts],
      ['README.md', cardFacts],
    ] as const) {
      const content = this.files.get(path)
      if (content === undefined) continue
      try {
        Object.assign(facts, withoutEmpty(await read(content)))
      } catch (error) {
        gaps.push(gap(path, messageOf(error), 'unreadable'))
      }
    }
    return { facts, gaps }
  }
}

function gap(path: string, why: string, reason: Gap['reason']): Gap {
  return { path, kind: 'model', reason, why }
}

/** What the headers of the weights say, as their cataloger wrote it. */
function headerProperties({ packages }: Pick<Catalogue, 'packages'>): [string, string][] {
  return packages.filter(({ type }) => type === 'model').flatMap(({ properties }) => properties ?? [])
}

/** `config.json` of Hugging Face's transformers. */
function configFacts(content: Buffer): Partial<ModelFacts> {
  const config = parseJson(content.toString('utf8'), 'config.json')
  if (!isObject(config)) throw new Error('it is not an object')
  const architectures = textsOf(config['architectures'])
  return {
    architecture: architectures[0],
    family: textsOf(config['model_type'])[0],
  }
}

/** The YAML between `---` lines at the start of a card (Hugging Face hub, model and dataset cards). */
async function cardFacts(content: Buffer): Promise<Partial<ModelFacts>> {
  const text = content.toString('utf8').replace(/^\uFEFF/, '')
  if (!/^---\r?\n/.test(text)) return {}
  const end = /\n---[ \t]*(?:\r?\n|$)/.exec(text)
  if (end === null) throw new Error('its metadata has no end')
  const metadata = text.slice(text.indexOf('\n') + 1, end.index + 1)
  if (metadata.length > mostMetadata)
    throw new Error(`its metadata has ${metadata.length} characters; at most ${mostMetadata} are read`)
  const { readYamlData } = await import('../../../encoding/yaml-data.ts')
  const [card = ''] = readYamlData(metadata)
  if (card === '') return {}
  if (!isObject(card)) throw new Error('its metadata has no members')
  // Every scalar is a text here, also one that says that there is none.
  const member = (name: string): string[] =>
    textsOf(Object.hasOwn(card, name) ? card[name] : '').filter((word) => !/^(?:~|null|Null|NULL)$/.test(word))
  return {
    task: member('pipeline_tag')[0] ?? member('task_categories')[0],
    licence: member('license')[0],
    datasets: member('datasets'),
    baseModels: member('base_model'),
    languages: member('language'),
  }
}

/** A text, or the texts of a list; other values say nothing that we know. */
function textsOf(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value]
  return list
    .slice(0, mostValues)
    .filter((item) => typeof item === 'string')
    .filter((text) => text.trim() !== '')
}

function withoutEmpty(facts: Partial<ModelFacts>): Partial<ModelFacts> {
  const said = Object.entries(facts).filter(([, value]) => value !== undefined && value.length > 0)
  return Object.fromEntries(said)
}

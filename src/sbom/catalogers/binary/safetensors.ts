import { isObject, nestsDeeper, parseJson, type JsonObject } from '../../../base/json.ts'
import { parentOf } from '../../../tar/paths.ts'
import { modelPackage, shortModel, stemOf } from '../../models/found.ts'
import { readSafetensors, safetensorsHeader, type Safetensors } from '../../models/safetensors.ts'
import type { Cataloger } from '../../cataloger.ts'
import type { FoundPackage } from '../../model.ts'

const configLimit = 256 << 10
const shard = /^(.*)-\d{5}-of-\d{5}$/

type Fact = { is: 'weights'; header: Safetensors } | { is: 'config'; architecture: string; name: string }

/** Models in safetensors by their headers; the `config.json` beside them names the architecture. Shards of one model are one package. */
export const safetensors: Cataloger<Fact> = {
  name: 'safetensors',
  kind: 'model',
  finds: 'both',
  match: { extensions: ['safetensors'], names: ['config.json'] },
  takesHead: true,
  wants: ({ name, size }) => (name === 'config.json' ? (size > configLimit ? 0 : configLimit) : safetensorsHeader + 8),
  read: ({ name, size }, content) =>
    name === 'config.json' ? readConfig(content) : { is: 'weights', header: readSafetensors(content, size) },
  finish: (facts) => {
    const models = new Map<string, { path: string; header: Safetensors }[]>()
    for (const [path, fact] of facts) {
      if (fact.is !== 'weights') continue
      const key = `${folderOf(path)}/${shard.exec(stemOf(path))?.[1] ?? stemOf(path)}`
      const known = models.get(key)
      if (known === undefined) models.set(key, [{ path, header: fact.header }])
      else known.push({ path, header: fact.header })
    }
    const gaps = [...facts].flatMap(([path, fact]) => (fact.is === 'weights' ? shortModel(path, fact.header) : []))
    return { packages: [...models.values()].map((parts) => makePackage(parts, facts)), gaps }
  },
}

/** Most files of this name belong to something else: they are no gap, whatever they hold. */
function readConfig(content: Buffer): Fact | null {
  if (!content.includes('"architectures"') || nestsDeeper(content, 64)) return null
  const json = objectIn(content)
  if (json === null) return null
  const { architectures, _name_or_path: name } = json
  const architecture = Array.isArray(architectures) ? architectures[0] : null
  if (typeof architecture !== 'string' || !architecture.isWellFormed()) return null
  return { is: 'config', architecture, name: typeof name === 'string' && name.isWellFormed() ? name : '' }
}

function objectIn(content: Buffer): JsonObject | null {
  try {
    const json = parseJson(content.toString('utf8'), 'config.json')
    return isObject(json) ? json : null
  } catch {
    return null
  }
}

function makePackage(
  parts: readonly { path: string; header: Safetensors }[],
  facts: ReadonlyMap<string, Fact>,
): FoundPackage {
  const [first] = parts
  const path = first?.path ?? ''
  const folder = folderOf(path)
  const beside = facts.get(folder === '' ? 'config.json' : `${folder}/config.json`)
  const config = beside?.is === 'config' ? beside : null
  const sum = (of: (header: Safetensors) => number | null): number | null =>
    parts.reduce((total: number | null, { header }) => {
      const more = of(header)
      return total === null || more === null ? null : total + more
    }, 0)
  const metadata = first?.header.metadata
  return modelPackage({
    cataloger: 'safetensors',
    name: nameOf(config?.name ?? '', path, folder),
    version: '',
    licence: metadata?.license ?? '',
    url: '',
    locations: parts.map((part) => part.path).sort(),
    properties: [
      ['format', 'safetensors'],
      ['architecture', config?.architecture ?? null],
      ['quantisation', first?.header.type ?? null],
      ['parameters', sum(({ parameters }) => parameters)],
      ['tensors', sum(({ tensors }) => tensors)],
      ['framework', metadata?.format ?? null],
    ],
  })
}

/** `model.safetensors` says nothing: the folder does. */
function nameOf(declared: string, path: string, folder: string): string {
  const own = (shard.exec(stemOf(path))?.[1] ?? stemOf(path)).replace(/\.header$/, '')
  const base = (text: string): string => text.slice(text.lastIndexOf('/') + 1)
  return (
    base(declared) ||
    (/^(?:model|pytorch_model|diffusion_pytorch_model|adapter_model)$/.test(own) ? base(folder) : own) ||
    own
  )
}

function folderOf(path: string): string {
  const parent = parentOf(path)
  return parent === '.' ? '' : parent
}

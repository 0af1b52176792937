import type { JsonValue } from '../../../../base/json.ts'
import { isObject } from '../../../../base/json.ts'
import { Losses } from '../../losses.ts'
import type { Cataloger } from '../../../cataloger.ts'
import type { FoundPackage } from '../../../model.ts'
import { at, jsonValueIn, members, textOr } from '../../foreign.ts'
import { integrityOf } from '../../sums.ts'
import { isOfDependency, link, lockFile, markDevelopment, partly, type Linked, type Partly } from '../lock.ts'
import { npmFound, registryVersion, splitAt } from './npm-found.ts'

const name = 'bun-lock'

/** Bun's bun.lock, a text since Bun 1.2. */
export const bun = lockFile({
  name,
  kind: 'npm',
  match: { names: ['bun.lock'] },
  read: (content) => {
    const json = jsonValueIn(content, true)
    if (at(json, 'lockfileVersion') === undefined) throw new Error('expected "lockfileVersion"')
    return readPackages(json)
  },
})

/** Bun's older bun.lockb, whose form is Bun's own memory: nothing but Bun reads it. */
export const bunBinary: Cataloger<true> = {
  name: 'bun-lockb',
  kind: 'npm',
  finds: 'declared',
  match: { names: ['bun.lockb'] },
  wants: (file) => (isOfDependency(file) ? 0 : 1),
  takesHead: true,
  read: () => true,
  finish: (facts) => ({
    packages: [],
    gaps: [...facts.keys()].map((path) => ({
      path,
      kind: 'npm',
      reason: 'unsupported',
      why: 'the binary lock file of Bun is not read: run "bun install --save-text-lockfile"',
    })),
  }),
}

function readPackages(json: JsonValue): FoundPackage[] | Partly {
  const purls = new Map<string, string>()
  const keys = new Map<FoundPackage, string>()
  const entries: Linked[] = []
  const losses = new Losses()
  const read = (key: string, entry: JsonValue): void => {
    if (!Array.isArray(entry)) throw new Error('expected a list')
    const [own, version] = splitAt(textOr(entry[0])) ?? []
    if (own === undefined || version === undefined) throw new Error('expected name@version')
    // A workspace is the project's own; its manifest lies beside.
    if (version.startsWith('workspace:')) return
    const info = entry.find((item) => isObject(item))
    const found = npmFound(name, own, registryVersion(version), { checksums: integrityOf(textOr(entry.at(-1))) })
    const needs = ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((kind) =>
      members(at(info, kind), kind).map(([need]) => need),
    )
    purls.set(key, found.purl)
    keys.set(found, key)
    entries.push({ found, needs })
  }
  for (const [key, entry] of members(at(json, 'packages'), 'packages')) losses.try(key, () => read(key, entry))
  const packages = link(entries, (need, found) => resolve(keys.get(found) ?? '', need, purls))
  const asked = (...kinds: string[]): string[] =>
    members(at(json, 'workspaces'), 'workspaces').flatMap(
      ([folder, workspace]) =>
        losses.try(`the workspace "${folder}"`, () =>
          kinds.flatMap((kind) => members(at(workspace, kind), kind).flatMap(([need]) => purls.get(need) ?? [])),
        ) ?? [],
    )
  markDevelopment(packages, asked('dependencies', 'optionalDependencies', 'peerDependencies'), asked('devDependencies'))
  return partly(packages, losses)
}

/** A key is the way through node_modules: `user/needed` comes before `needed`. */
function resolve(key: string, need: string, purls: ReadonlyMap<string, string>): string | undefined {
  for (let at = key; at !== ''; at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '') {
    const found = purls.get(`${at}/${need}`)
    if (found !== undefined) return found
  }
  return purls.get(need)
}

import type { JsonValue } from '../../../base/json.ts'
import { readYamlData } from '../../../encoding/yaml-data.ts'
import type { FoundPackage } from '../../model.ts'
import { at, items, jsonIn, members, nameIn, objectIn, textIn, textOr } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { link, lockFile, partly, type Linked } from './lock.ts'
import { packageFound } from './package-found.ts'

/** Package.resolved of Swift, versions 1 to 3. */
export const swift = lockFile({
  name: 'swift-resolved',
  kind: 'swift',
  match: { names: ['Package.resolved', '.package.resolved'] },
  read: (content) => {
    const json = jsonIn(content)
    const version = at(json, 'version')
    if (version !== 1 && version !== 2 && version !== 3) throw new Error('expected version 1, 2 or 3')
    const pins = version === 1 ? at(json, 'object', 'pins') : at(json, 'pins')
    const losses = new Losses()
    const packages = items(pins, 'pins').flatMap((pin, i) => {
      const name = textOr(at(pin, 'identity') ?? at(pin, 'package')) || `pins[${i}]`
      return losses.try(name, () => pinned(objectIn(pin))) ?? []
    })
    return partly(packages, losses)
  },
})

function pinned(pin: JsonValue): FoundPackage[] {
  const address = textOr(at(pin, 'location') ?? at(pin, 'repositoryURL'))
  const identity = textOr(at(pin, 'identity') ?? at(pin, 'package'))
  // A folder of this machine has no name that anybody else knows.
  const [, host, path] = /^(?:[a-z+]+:\/\/)?(?:[^@/]*@)?([^/:]+)[/:](.+?)(?:\.git)?\/?$/i.exec(address) ?? []
  const parts = (path ?? '').split('/').filter((part) => part !== '')
  const name = parts.pop() ?? identity
  const version = textOr(at(pin, 'state', 'version'))
  const revision = textOr(at(pin, 'state', 'revision'))
  if (host === undefined && textOr(at(pin, 'kind')) === 'localSourceControl') return []
  const found = packageFound('swift-resolved', 'swift', {
    shown: identity === '' ? name : identity,
    namespace: [host ?? 'registry', ...parts].join('/'),
    name,
    // A pin to a branch has no version, but a commit.
    version: nameIn(version || revision, 'version or revision'),
  })
  return [found]
}

/** CocoaPods' Podfile.lock. */
export const cocoapods = lockFile({
  name: 'podfile-lock',
  kind: 'cocoapods',
  match: { names: ['Podfile.lock'] },
  read: (content) => {
    const [lock] = readYamlData(textIn(content))
    const pods = at(lock, 'PODS')
    if (pods === undefined) throw new Error('expected PODS')
    const purls = new Map<string, string>()
    const losses = new Losses()
    const read = (pod: JsonValue): Linked => {
      const [[key, needs], ...more] = podOf(pod)
      if (more.length > 0) throw new Error('expected one pod in an item of the list')
      const [, whole, version] = /^(\S+) \(([^)]+)\)$/.exec(key) ?? []
      if (whole === undefined || version === undefined)
        throw new Error(`expected a pod and its version, found "${key.slice(0, 100)}"`)
      const [name = '', ...parts] = whole.split('/')
      const found = packageFound('podfile-lock', 'cocoapods', {
        shown: whole,
        name,
        version,
        subpath: parts.length > 0 ? parts.join('/') : undefined,
      })
      purls.set(whole, found.purl)
      return { found, needs: items(needs, 'pod').map((need) => textOr(need).split(' ')[0] ?? '') }
    }
    const entries = items(pods, 'PODS').flatMap((pod, i) => losses.try(`PODS[${i}]`, () => read(pod)) ?? [])
    return partly(
      link(entries, (need) => purls.get(need)),
      losses,
    )
  },
})

/** `name (version)`, or one such key with the list of what the pod needs. */
function podOf(pod: JsonValue): [[key: string, needs: JsonValue], ...[string, JsonValue][]] {
  if (typeof pod === 'string') return [[pod, []]]
  const [first = ['', []], ...more] = members(objectIn(pod), 'PODS')
  return [first, ...more]
}

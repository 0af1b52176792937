import { isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'

/** Most bytes of a workflow; GitHub takes no larger one. */
const limit = 1 << 20
/** Deeper than any workflow nests. */
const deepest = 32

interface Use {
  value: string
  /** Behind a commit, people write its tag. */
  comment: string
  image: boolean
}

/** Actions, reusable workflows and images that workflows and composite actions of GitHub use. */
export const githubActions: Cataloger<readonly FoundPackage[]> = {
  name: 'githubactions',
  kind: 'githubactions',
  finds: 'declared',
  match: { parents: ['workflows'], names: ['action.yml', 'action.yaml'] },
  wants: ({ path, name }) =>
    /(?:^|\/)\.github\/workflows\/[^/]+\.ya?ml$/.test(path) || name.startsWith('action.') ? limit : 0,
  sameAs: () => true,
  read: (_file, content) => {
    // Indentation that is mixed, keys that stand twice: GitHub refuses the file, and nothing is known of what it uses.
    const document = parseDocument(content.toString('utf8'), { uniqueKeys: false, prettyErrors: false })
    const [error] = document.errors
    if (error !== undefined) throw new Error(`is not YAML: ${error.message}`)
    const uses: Use[] = []
    collect(document.contents, '', uses, 0)
    const packages = uses.flatMap((use) => packageOf(use) ?? [])
    return packages.length === 0 ? null : packages
  },
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, packages]) => packages.map((found) => ({ ...found, locations: [path] }))),
  }),
}

/** Values of `uses`, and of `image` where a job or a Docker action has it. Aliases are not followed: what they name stands in the file. */
function collect(node: unknown, path: string, uses: Use[], depth: number): void {
  if (depth > deepest) throw new Error(`nests more than ${deepest} levels`)
  if (isSeq(node)) for (const item of node.items) collect(item, path, uses, depth + 1)
  if (!isMap(node)) return
  // Not by the parser, which compares each key with all others.
  const names = new Set<string>()
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : ''
    if (isScalar(key) && names.has(name)) throw new Error(`is not YAML: the key "${name}" stands twice`)
    names.add(name)
    const own = path === '' ? name : `${path}.${name}`
    if (!isScalar(value)) collect(value, own, uses, depth + 1)
    else if (typeof value.value === 'string') {
      const image = /^jobs\.[^.]+\.(?:container(?:\.image)?|services\.[^.]+\.image)$|^runs\.image$/.test(own)
      const use = /^(?:jobs\.[^.]+\.(?:steps\.)?|runs\.steps\.)uses$/.test(own)
      if (image || use) uses.push({ value: value.value.trim(), comment: (value.comment ?? '').trim(), image })
    }
  }
}

function packageOf({ value, comment, image }: Use): FoundPackage | null {
  // A value of an expression names no package.
  if (value.includes('${{') || value === '') return null
  // `$/` names the repository of a reusable workflow itself, at its own commit.
  if (/^[.$]\//.test(value) && !image) return localUse(value)
  if (value.startsWith('docker://')) return imageOf(value.slice('docker://'.length))
  if (image) return value === 'Dockerfile' || value.startsWith('.') ? null : imageOf(value)
  const [, owner, repository, subpath = '', version] =
    /^([\w.-]{1,100})\/([\w.-]{1,100})((?:\/[^@\s]{1,300})?)@([^\s@]{1,300})$/.exec(value) ?? []
  if (version === undefined) throw new Error(`"${value}" is not in the form owner/repository@version`)
  const workflow = subpath.includes('/.github/workflows/')
  return {
    ...emptyPackage(workflow ? 'github-action-workflow' : 'github-action', 'githubactions'),
    name: `${owner}/${repository}${subpath}`,
    version,
    purl: formatPurl({ type: 'github', namespace: owner, name: repository ?? '', version, subpath: subpath.slice(1) }),
    scope: 'build',
    ...(comment === '' ? {} : { properties: [['githubactions:comment', comment]] }),
  }
}

/** A path within the same repository: its version is that of the sources around it. */
function localUse(name: string): FoundPackage {
  const type = /^[.$]\/\.github\/workflows\/[^/]+\.ya?ml$/.test(name) ? 'github-action-workflow' : 'github-action'
  return {
    ...emptyPackage(type, 'githubactions'),
    name,
    version: null,
    purl: formatPurl({ type: 'generic', namespace: type, name }),
    scope: 'build',
  }
}

/** `registry.example/team/image:tag@sha256:…`: the digest is the version where there is one. */
function imageOf(reference: string): FoundPackage | null {
  const [, rest = '', digest] = /^([^@\s]{1,300})(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference) ?? []
  const colon = rest.lastIndexOf(':')
  const tag = colon > rest.lastIndexOf('/') ? rest.slice(colon + 1) : ''
  const parts = (tag === '' ? rest : rest.slice(0, colon)).split('/')
  const host = parts.length > 1 && /[.:]|^localhost$/.test(parts[0] ?? '') ? parts.shift() : undefined
  const name = parts.pop() ?? ''
  if (name === '') return null
  const version = digest ?? (tag || undefined)
  return {
    ...emptyPackage('docker', 'githubactions'),
    name: [...parts, name].join('/'),
    version: version ?? null,
    purl: formatPurl({
      type: 'docker',
      namespace: parts.join('/'),
      name,
      version,
      qualifiers: { repository_url: host, tag: digest === undefined ? undefined : tag },
    }),
    scope: 'build',
  }
}

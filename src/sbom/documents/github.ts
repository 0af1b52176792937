import { z } from 'zod'
import { emptyDocument, emptyItem } from './empty.ts'
import { secondsOf } from './members.ts'
import type { SbomDocument } from './model.ts'
import { parsePurl } from '../purl.ts'
import { readPurl, relativePath, setPurl } from './values.ts'

const words = z.string().nullish()
const resolvedSchema = z.looseObject({
  package_url: z.string(),
  relationship: z.enum(['direct', 'indirect']).nullish(),
  scope: z.enum(['runtime', 'development']).nullish(),
  dependencies: z.array(z.string()).nullish(),
})
const manifestSchema = z.looseObject({
  name: z.string(),
  file: z.looseObject({ source_location: words }).nullish(),
  resolved: z.record(z.string(), resolvedSchema).nullish(),
})

/** A snapshot of GitHub's dependency submission API, also syft's format `github`. */
export const githubSchema = z.looseObject({
  version: z.int(),
  sha: words,
  ref: words,
  detector: z.looseObject({ name: z.string(), version: words, url: words }),
  scanned: z.string(),
  manifests: z.record(z.string(), manifestSchema).nullish(),
})

export function readGithub(source: z.infer<typeof githubSchema>): SbomDocument {
  const document = emptyDocument('github-json', String(source.version))
  document.tools = [{ name: source.detector.name, version: source.detector.version ?? null }]
  document.engine = document.tools[0] ?? null
  document.created = secondsOf(source.scanned)
  document.lifecycle = 'source'
  document.identity.id = 'snapshot'
  document.identity.version = source.sha || null
  document.name = source.ref || null
  for (const [manifest, { name, file, resolved }] of Object.entries(source.manifests ?? {})) {
    const idOf = (key: string): string => `${manifest}#${key}`
    for (const [key, entry] of Object.entries(resolved ?? {})) {
      const item = emptyItem(idOf(key), nameOf(entry.package_url, key))
      setPurl(item, entry.package_url)
      item.kind = 'library'
      item.version = item.purlError === true ? null : (parsePurl(entry.package_url).version ?? null)
      item.locations = [relativePath(file?.source_location || name)]
      item.scope = entry.scope === 'development' ? 'development' : entry.scope === 'runtime' ? 'required' : null
      document.packages.push(item)
      document.relationships.push({ from: 'snapshot', type: 'contains', to: item.id })
      if (entry.relationship === 'direct')
        document.relationships.push({ from: 'snapshot', type: 'depends-on', to: item.id })
      for (const to of entry.dependencies ?? [])
        document.relationships.push({ from: item.id, type: 'depends-on', to: idOf(to) })
    }
  }
  return document
}

function nameOf(purl: string, key: string): string {
  if (readPurl(purl).type === null) return key
  const { namespace, name } = parsePurl(purl)
  return namespace === undefined ? name : `${namespace}/${name}`
}

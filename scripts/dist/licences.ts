import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The licences of everything that is in the bundle: packages, of which those with the same text share one section, and what the sources hold
 * of others.
 *
 * @param packages folders relative to the workspace
 * @param notices texts of what is no package
 * @throws when a package declares no licence at all
 */
export function licences(workspace: string, packages: readonly string[], notices: readonly string[] = []): Buffer {
  const sections = new Map<string, Set<string>>()
  for (const folder of packages) {
    const { name, version, license } = JSON.parse(readFileSync(join(workspace, folder, 'package.json'), 'utf8')) as {
      name?: string
      version?: string
      license?: string
    }
    const text = licenceText(join(workspace, folder)) ?? license
    if (text === undefined) throw new Error(`${folder} declares no licence`)
    const users = sections.get(text) ?? new Set<string>()
    sections.set(text, users.add(`${name}@${version} (${license ?? 'see text'})`))
  }
  const parts = [
    ...[...sections].map(([text, users]) => `${[...users].sort().join('\n')}\n\n${text}\n`).sort(),
    ...notices,
  ]
  return Buffer.from(`Third-party software in dist/bundle\n\n${parts.join(`\n${'-'.repeat(80)}\n\n`)}`)
}

/** What our sources hold of others, with its licences. */
export function notices(root: string): string[] {
  return [readFileSync(join(root, 'src/sbom/documents/schema/NOTICE'), 'utf8')]
}

function licenceText(folder: string): string | null {
  const name = readdirSync(folder)
    .filter((entry) => /^licen[cs]e(\.(md|txt|mit))?$/i.test(entry))
    .sort()[0]
  return name === undefined ? null : readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim()
}

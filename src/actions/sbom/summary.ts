import type { ActionReport } from '../../doors/context.ts'
import type { SbomResult } from '../../tasks/sbom/describe.ts'

/** What a reviewer sees of a description. */
export function sbomReport(result: SbomResult, documents: string[][]): ActionReport {
  const { unreadable, byType } = result
  const incomplete = unreadable.length > 0
  return {
    headline: `${incomplete ? 'Described with gaps' : 'Described'}: ${result.packages} packages, ${result.files} files`,
    status: incomplete ? 'warning' : 'passed',
    subject: { name: result.identity, digest: result.digest },
    facts: [
      ['Configuration', result.configDigest],
      ['Layers', String(result.diffIds.length)],
      ['Operating system', result.os ?? 'none found'],
      ['Debian packages', String(byType['deb'] ?? 0)],
      ['npm packages', `${byType['npm'] ?? 0}, of which ${result.owned} belong to Debian packages`],
      ['Files outside all packages', String(result.unattributed)],
      ['Quality', result.quality.text],
      ['Engine', result.engine],
    ],
    tables: [
      { title: 'Documents', header: ['Document', 'Digest', 'File'], rows: documents },
      ...(incomplete
        ? [
            {
              title: 'Could not be read',
              header: ['File', 'Why'],
              rows: unreadable.slice(0, 50).map(({ path, why }) => [path, why]),
            },
          ]
        : []),
    ],
    exceptions: [],
    commands: [],
    notes: [
      'dpkg and npm packages are looked for; other kinds are seen as files only.',
      'The file inventory lists every path of the image with its SHA-256, so that a changed file shows even where no package knows it.',
    ],
    details: {
      config: result.configDigest,
      diffIds: result.diffIds,
      packages: result.packages,
      files: result.files,
      unattributed: result.unattributed,
      quality: result.quality.elements.map(({ element, state }) => ({ element, state })),
    },
  }
}

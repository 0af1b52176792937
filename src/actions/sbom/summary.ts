import type { ActionReport } from '../../report/types.ts'
import { engine } from '../../sbom/formats/spdx.ts'
import type { Described } from '../../sbom/scan.ts'

/** What a reviewer sees of a description. */
export function sbomReport(name: string, described: Described, documents: string[][]): ActionReport {
  const { description, quality, pass } = described
  const count = (type: string): number => description.packages.filter((found) => found.type === type).length
  const incomplete = description.unreadable.length > 0
  return {
    headline: `${incomplete ? 'Described with gaps' : 'Described'}: ${described.packages} packages, ${described.files} files`,
    status: incomplete ? 'warning' : 'passed',
    subject: { name, digest: pass.image.descriptor.digest },
    facts: [
      ['Configuration', description.configDigest],
      ['Layers', String(pass.layers.length)],
      ['Operating system', description.os?.prettyName ?? 'none found'],
      ['Debian packages', String(count('deb'))],
      [
        'npm packages',
        `${count('npm')}, of which ${description.packages.filter((found) => found.ownedBy !== null).length} belong to Debian packages`,
      ],
      ['Files outside all packages', String(description.unattributed)],
      ['Quality', quality.text],
      ['Engine', engine],
    ],
    tables: [
      { title: 'Documents', header: ['Document', 'Digest', 'File'], rows: documents },
      ...(incomplete
        ? [
            {
              title: 'Could not be read',
              header: ['File', 'Why'],
              rows: description.unreadable.slice(0, 50).map(({ path, why }) => [path, why]),
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
      config: description.configDigest,
      diffIds: pass.layers.map(({ diffId }) => diffId),
      packages: described.packages,
      files: described.files,
      unattributed: description.unattributed,
      quality: quality.elements.map(({ element, state }) => ({ element, state })),
    },
  }
}

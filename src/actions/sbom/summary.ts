import type { ActionReport } from '../../doors/context.ts'
import type { SbomResult } from '../../tasks/sbom/describe.ts'

/** Rows that a table of gaps shows; the documents list all of them. */
const shownGaps = 50

/** What a reviewer sees of a description. */
export function sbomReport(result: SbomResult, documents: string[][]): ActionReport {
  const { gaps, unread, findings } = result
  const incomplete = gaps.length > 0
  const found = `${result.packages} packages, ${result.files} files`
  return {
    headline: incomplete
      ? `SBOM incomplete: ${found}; not read: ${gaps.length} paths (${unread.join(', ')})`
      : `Described: ${found}`,
    status: incomplete || findings.modified > 0 ? 'warning' : 'passed',
    subject: { name: result.identity, digest: result.digest },
    facts: [
      ['Configuration', result.configDigest],
      ['Layers', String(result.diffIds.length)],
      ['Operating system', result.os ?? 'none found'],
      ...Object.entries(result.byType)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([type, count]): [string, string] => [`Packages of type ${type}`, String(count)]),
      ['Packages that another package brought', String(result.owned)],
      [
        'Complete',
        incomplete
          ? `no: ${gaps.length} paths of kind ${unread.join(', ')} are missing`
          : 'yes: every database found was read',
      ],
      ['Files that a package owns', `${result.coverage} %`],
      ['Files outside all packages', `${result.unattributed}, of which executable: ${findings.executables}`],
      ['Files with setuid, setgid or capabilities', String(findings.privileged)],
      [
        'Packaged files against their own checksums',
        `${findings.checked} compared, ${findings.modified} modified, ${findings.missing} missing`,
      ],
      ['Quality', result.quality.text],
      ['Engine', result.engine],
    ],
    tables: [
      { title: 'Documents', header: ['Document', 'Digest', 'File'], rows: documents },
      ...(incomplete
        ? [
            {
              title: `Not described (${Math.min(gaps.length, shownGaps)} of ${gaps.length})`,
              header: ['Path', 'Kind', 'Reason', 'Why'],
              rows: gaps.slice(0, shownGaps).map(({ path, kind, reason, why }) => [path, kind, reason, why]),
            },
          ]
        : []),
    ],
    exceptions: [],
    commands: [],
    notes: [
      'The file inventory lists every path of the image with its SHA-256, so that a changed file shows even where no package knows it.',
    ],
    details: {
      config: result.configDigest,
      diffIds: result.diffIds,
      packages: result.packages,
      files: result.files,
      unattributed: result.unattributed,
      complete: !incomplete,
      gaps: gaps.map(({ path, kind, reason, why }) => ({ path, kind, reason, why })),
      quality: result.quality.elements.map(({ element, state }) => ({ element, state })),
    },
  }
}

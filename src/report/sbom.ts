import { counted } from '../base/counted.ts'
import type { ActionReport } from './types.ts'
import type { SbomResult, SubjectResult } from '../tasks/sbom/describe.ts'

/** Rows that a table of gaps shows; the documents list all of them. */
const shownGaps = 50

const titles: Readonly<Record<SubjectResult['kind'], string>> = {
  image: 'Image',
  directory: 'Folder',
  source: 'Source',
  disk: 'Disk image',
  model: 'Model',
  dataset: 'Dataset',
}

function subjectFacts({ kind, version, identifiers, unclean }: SubjectResult): [string, string][] {
  const facts: [string, string][] = [['Subject', titles[kind]]]
  if (kind === 'source') facts.push(['Commit', version ?? 'the files are not those of a commit'])
  facts.push(...identifiers.filter(([name]) => name !== 'git-commit'))
  if (unclean.length > 0) facts.push(['Changed from the commit', unclean.join('; ')])
  return facts
}

function imageFacts({ configDigest, diffIds, omitting = 0 }: SbomResult): [string, string][] {
  return [
    ['Configuration', configDigest],
    [
      'Layers',
      `${diffIds.length}${omitting === 0 ? '' : `, of which leave out zeros at the end of their archive: ${omitting}`}`,
    ],
  ]
}

/** What one engine found and the other one did not, for a reviewer to explain. */
function onlyTables({ only }: SbomResult): ActionReport['tables'] {
  return Object.entries(only ?? {}).flatMap(([engine, purls]) => {
    const shown = purls.slice(0, shownGaps).map((purl) => [purl])
    const title = `Only ${engine} found (${shown.length} of ${purls.length})`
    return purls.length === 0 ? [] : [{ title, header: ['Package'], rows: shown }]
  })
}

/** What a reviewer sees of a description. */
export function sbomReport(result: SbomResult, documents: string[][]): ActionReport {
  const { gaps, unread, findings, subject } = result
  const incomplete = gaps.length > 0
  const found = `${counted(result.packages, 'package')}, ${counted(result.files, 'file')}`
  const unreadPaths = counted(gaps.length, 'path')
  return {
    headline: incomplete
      ? `SBOM incomplete: ${found}; not read: ${unreadPaths} (${unread.join(', ')})`
      : `${subject === undefined ? 'Image' : titles[subject.kind]} described: ${found}`,
    status: incomplete || findings.modified > 0 ? 'warning' : 'passed',
    subject: { name: result.identity, digest: result.digest },
    facts: [
      ...(subject === undefined ? imageFacts(result) : subjectFacts(subject)),
      ['Operating system', result.os ?? 'none found'],
      ...Object.entries(result.byType)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([type, count]): [string, string] => [`Packages of type ${type}`, String(count)]),
      ['Packages that another package brought', String(result.owned)],
      [
        'Complete',
        incomplete
          ? `no: ${unreadPaths} of kind ${unread.join(', ')} ${gaps.length === 1 ? 'is' : 'are'} missing`
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
      ...onlyTables(result),
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
      'The file inventory lists every path, folders and links as well, and the SHA-256 of each file: a changed file shows even where no package owns it.',
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

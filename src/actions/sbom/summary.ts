import type { ActionReport } from '../../doors/context.ts'
import type { SbomResult, SubjectResult } from '../../tasks/sbom/describe.ts'

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

function imageFacts({ configDigest, diffIds }: SbomResult): [string, string][] {
  return [
    ['Configuration', configDigest],
    ['Layers', String(diffIds.length)],
  ]
}

/** What a reviewer sees of a description. */
export function sbomReport(result: SbomResult, documents: string[][]): ActionReport {
  const { unreadable, byType, subject } = result
  const incomplete = unreadable.length > 0
  return {
    headline: `${subject === undefined ? 'Image' : titles[subject.kind]} ${incomplete ? 'described with gaps' : 'described'}: ${result.packages} packages, ${result.files} files`,
    status: incomplete ? 'warning' : 'passed',
    subject: { name: result.identity, digest: result.digest },
    facts: [
      ...(subject === undefined ? imageFacts(result) : subjectFacts(subject)),
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

import { asJson } from '../../tasks/context.ts'
import type { BuildResult } from '../../build/types.ts'
import type { ActionReport } from '../types.ts'

/** What of a build's result a summary needs. */
type BuildSummary = Omit<BuildResult, 'recordBytes'>

/** Files of a difference that a summary shows; the report file has all. */
const shownFiles = 50

/** What a reviewer sees of a build: what was built from what, how often, and what differs. */
export function buildReport(name: string, result: BuildSummary): ActionReport {
  const { record } = result
  const { builder, source, rebuilds } = record
  return {
    headline: headline(result),
    status: result.reproducible
      ? result.unclean.length === 0
        ? 'passed'
        : 'warning'
      : result.published
        ? 'warning'
        : 'refused',
    subject: { name, digest: result.digest },
    facts: [
      [
        'Source',
        source.commit === null
          ? 'no git commit'
          : `${source.repository ?? 'a repository without a public remote'} at ${source.commit}`,
      ],
      [
        'Clean',
        source.clean ? 'yes: every file read has the content that the commit says' : `no: ${result.unclean[0] ?? ''}`,
      ],
      ['Context', `${record.context.files} files, ${record.context.bytes} bytes, ${record.context.digest}`],
      ['Prepare', record.prepare === null ? 'none' : `${record.prepare} (made ${result.preparedFiles} files)`],
      ['Steps', steps(result)],
      ['Built by', `${builder.name} ${builder.version}, isolation ${builder.isolation}, for ${record.platform}`],
      [
        'Rebuilds',
        rebuilds.count === 0 ? 'none' : `${rebuilds.matched} of ${rebuilds.count} in this job gave the same digest`,
      ],
      ['Times', `clamped to ${record.sourceDateEpoch} (${new Date(record.sourceDateEpoch * 1000).toISOString()})`],
    ],
    tables: [
      {
        title: 'Layers',
        header: ['Layer', 'From', 'Bytes'],
        rows: result.layers.map(({ digest, from, size }) => [digest, from, String(size)]),
      },
      ...(record.baseImages.length === 0
        ? []
        : [
            {
              title: 'Base images',
              header: ['Name', 'Digest'],
              rows: record.baseImages.map(({ name: base, digest }) => [base, digest]),
            },
          ]),
      ...result.differences.map((difference) => ({
        title: `What differs in pass ${difference.pass} (${difference.digest})`,
        header: ['Where', 'Fields'],
        rows: [
          ...difference.config.map((field) => ['configuration', field]),
          ...difference.layers.map((layer) => [`layer ${layer + 1}`, 'times, or order of entries']),
          ...difference.files.slice(0, shownFiles).map(({ path, fields }) => [`/${path}`, fields.join(', ')]),
          ...(difference.files.length > shownFiles
            ? [['…', `${difference.files.length - shownFiles} more files`]]
            : []),
        ],
      })),
    ],
    exceptions: result.reproducible || !result.published ? [] : ['require-reproducible: false (a rebuild differed)'],
    commands: [],
    notes: notes(result),
    details: {
      record: asJson(record),
      layers: asJson(result.layers),
      differences: asJson(result.differences),
      unclean: result.unclean,
    },
  }
}

function headline(result: BuildSummary): string {
  const { count } = result.record.rebuilds
  if (!result.reproducible)
    return `${result.published ? 'Built, but not' : 'Refused (not-reproducible): not'} reproducible: a rebuild gave another digest`
  return count === 0 ? 'Built (no rebuild to compare with)' : `Built reproducibly: ${count + 1} builds, one digest`
}

/** How prepare and RUN were kept apart from the job. */
function steps({ isolation, record }: BuildSummary): string {
  if (isolation.steps === 'no-steps') return 'no prepare and no RUN'
  const path = record.path.length === 0 ? '' : `, PATH adds ${record.path.join(', ')}`
  return `isolation ${isolation.steps}, network ${isolation.network}${path}`
}

function notes(result: BuildSummary): string[] {
  const list: string[] = []
  if (result.unclean.length > 0) list.push(`The source is not clean: ${result.unclean.join('; ')}.`)
  if (result.record.rebuilds.count > 0) {
    list.push(
      'Rebuilds in the same job say only that the build is consistent; other machines and parties count in verify-deploy.',
    )
  }
  if (result.isolation.network !== 'none') {
    list.push('Programs that prepare or RUN started may have contacted hosts that are not in the list below.')
  }
  return list
}

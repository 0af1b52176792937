import { printable } from '../../base/printable.ts'
import type { GcReport } from '../../tasks/graph/gc-report.ts'

/** Entries of one list that are shown; `--format json` has all. */
const shown = 50

/** A report for a terminal; foreign text is escaped. */
export function gcText(report: GcReport): string {
  const { store, roots, manifests, kinds, untagged, untaggedMembers, attachedTags, gone, orphans, unreferenced } =
    report
  const { unreadableTags, missing } = report
  const lines = [
    `${store}: ${count(roots, 'image')}, ${count(manifests, 'manifest')}`,
    ...kinds.map(
      ({ kind, manifests: of, bytes }) => `  ${`${bytes}`.padStart(14)} bytes  ${count(of, 'manifest')}  ${kind}`,
    ),
  ]
  if (roots === 0) lines.push('', 'No image was found there. Check the name of the repository.')
  const list = <T>(title: string, items: readonly T[], line: (item: T) => string): void => {
    if (items.length === 0) return
    lines.push('', title, ...items.slice(0, shown).map((item) => `  ${line(item)}`))
    if (items.length > shown) lines.push(`  … ${items.length - shown} more: --format json`)
  }
  const bytesOf = (items: readonly { size?: number; bytes?: number }[]): number =>
    items.reduce((sum, { size, bytes }) => sum + (size ?? bytes ?? 0), 0)
  list(
    `${count(untagged.length, 'attached manifest')} without a tag (${bytesOf(untagged)} bytes): a job that deletes untagged manifests removes them, and the images no longer verify. Exclude what has a \`subject\`.`,
    untagged,
    ({ manifest, parent, type }) => `${manifest}  ${type}, attached to ${parent}`,
  )
  list(
    `${count(untaggedMembers.length, 'member')} of indexes without a tag: the same job breaks these images. Exclude what an index names.`,
    untaggedMembers,
    (digest) => digest,
  )
  if (attachedTags > 0) {
    lines.push(
      '',
      `${count(attachedTags, 'tag')} of the form sha256-…, for lists of referrers and signatures: a rule that deletes tags by age or number must exclude them.`,
    )
  }
  list(
    'Named, but gone or not readable. `sealwright repair --drop-missing` takes such entries out of the lists.',
    gone,
    ({ manifest, parent, why }) => `${manifest}, named by ${parent}: ${why}`,
  )
  const lost = missing?.filter(({ purged }) => !purged) ?? []
  list('Blobs that are missing: the image, or what is attached to it, is damaged.', lost, blobLine)
  const purged = missing?.filter((one) => one.purged) ?? []
  list('Layers that were purged, as a record of the archive says (its signature was not verified):', purged, blobLine)
  list('Tags whose manifest is gone or not readable; they were left out:', unreadableTags, (tag) => tag)
  list('Attached to something that is gone:', orphans ?? [], ({ name, subject }) => `${name}, attached to ${subject}`)
  list(
    `${count(unreferenced?.length ?? 0, 'blob')} that nothing names (${bytesOf(unreferenced ?? [])} bytes). \`sealwright repair\` lists those that are attached to an image.`,
    unreferenced ?? [],
    ({ digest, size }) => `${digest}  ${size} bytes`,
  )
  if (orphans !== null && unreferenced === null)
    lines.push('', 'What nothing names cannot be found: registries have no list of their manifests and blobs.')
  lines.push('', 'Nothing was deleted.')
  return `${lines.map(printable).join('\n')}\n`
}

function blobLine({ digest, parent }: { digest: string; parent: string }): string {
  return `${digest}, named by ${parent}`
}

function count(of: number, what: string): string {
  return `${of} ${what}${of === 1 ? '' : 's'}`
}

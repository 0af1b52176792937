import { printable } from '../base/printable.ts'
import type { AnsweredImage } from '../tasks/query/image-answer.ts'
import type { Answer } from '../tasks/query/run.ts'
import type { Period, QueryRow } from '../tasks/query/types.ts'

const columns = [
  'store',
  'tags',
  'image',
  'status',
  'subject',
  'manifest',
  'kind',
  'type',
  'verdict',
  'signer',
  'time',
  'time-by',
  'packages',
  'production',
  'why',
  'notes',
] as const

/** An answer for a terminal; foreign text is escaped. */
export function queryText({ images, gaps, empty, looked }: Answer): string {
  const lines = images.flatMap(({ image, status, production, rows }) => {
    const title = `${image.store}@${image.digest}${image.tags.length === 0 ? '' : `  ${image.tags.join(', ')}`}`
    const state = status === null ? '' : `  ${status.text}`
    const inside = (production ?? []).map((one) => `  in production ${periodText(one)}`)
    return [`${title}${state}`, ...inside, ...rows.flatMap((row) => rowLines(row, image.digest))]
  })
  const rows = images.reduce((sum, one) => sum + one.rows.length, 0)
  const summary = `${count(rows, 'row')} of ${count(images.length, 'image')}; ${count(looked.statements, 'attached manifest')} of ${count(looked.images, 'image')} in ${count(looked.stores, 'store')} were read`
  const missing = gaps.map(
    ({ manifest, parent, error }) => `cannot be read: ${manifest} of ${parent}: ${error.message}`,
  )
  return `${[...lines, ...missing, ...empty.map((store) => `without a tagged image: ${store}`), summary].map(printable).join('\n')}\n`
}

function rowLines(row: QueryRow, image: string): string[] {
  const { verdict, predicateType, artifactType, kind, signers, time, manifest, subject } = row
  const by = signers.length === 0 ? '' : `  by ${signers.join(', ')}`
  const at = time === null ? '' : `  ${time.at.toISOString().slice(0, 19)}Z (${time.by})`
  const details = [
    ...(subject === image ? [] : [`attached to ${subject}`]),
    ...(row.packages ?? []),
    ...(row.why === null ? [] : [row.why]),
    ...row.notes,
  ]
  return [
    `  ${verdict.padEnd(10)}  ${predicateType ?? artifactType ?? kind}${by}${at}  ${manifest}`,
    ...details.map((one) => `              ${one}`),
  ]
}

/** The rows as RFC 4180. A cell that a spreadsheet would take for a formula begins with an apostrophe. */
export function queryCsv({ images }: Answer): string {
  const lines = images.flatMap((one) =>
    one.rows.length === 0 ? [cells(one, null)] : one.rows.map((row) => cells(one, row)),
  )
  return [columns, ...lines].map((line) => `${line.map(cell).join(',')}\r\n`).join('')
}

function cells({ image, status, production }: AnsweredImage, row: QueryRow | null): string[] {
  return [
    image.store,
    image.tags.join(' '),
    image.digest,
    status?.text ?? '',
    row?.subject ?? '',
    row?.manifest ?? '',
    row?.kind ?? '',
    row?.predicateType ?? row?.artifactType ?? '',
    row?.verdict ?? '',
    row?.signers.join(' ') ?? '',
    row?.time?.at.toISOString() ?? '',
    row?.time?.by ?? '',
    row?.packages?.join(' ') ?? '',
    (production ?? []).map(periodText).join(' '),
    row?.why ?? '',
    row?.notes.join('; ') ?? '',
  ]
}

function cell(text: string): string {
  const shown = printable(text)
  return `"${(/^[=+\-@]/.test(shown) ? `'${shown}` : shown).replaceAll('"', '""')}"`
}

/** `FROM..TO`; an open end is empty. */
export function periodText({ from, to }: Period): string {
  const text = (at: Date | null): string => (at === null ? '' : `${at.toISOString().slice(0, 19)}Z`)
  return `${text(from)}..${text(to)}`
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}

import { InputError, VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { printable } from '../../base/printable.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { judgeStatement, type StatementTrust } from '../../log/scitt/judge.ts'
import { listStatements, type ListedStatement, type StatementFilter } from '../../log/scitt/query.ts'
import { judgeReceipt, judgeReceipts, type ReceiptVerdict } from '../../log/scitt/verify.ts'
import { isAttachedTag } from '../../oci/digest.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { parseReference } from '../../oci/reference.ts'
import type { Descriptor, Store } from '../../oci/types.ts'
import type { CommandResult } from '../command.ts'
import { readServices, readTrust } from './trust.ts'

/** Tags of one repository that are looked at. */
const mostTags = 1000

interface Image {
  readonly descriptor: Descriptor
  /** All tags of it that were looked at; empty where it was named by digest. */
  readonly tags: readonly string[]
}

interface Row {
  readonly tags: readonly string[]
  readonly listed: ListedStatement
  readonly receipts: readonly ReceiptVerdict[]
  /** Null where nobody is trusted, so that nothing was verified. */
  readonly verified: boolean | null
  /** Why it is not verified. */
  readonly why: string | null
}

/** `scitt list`: what is attached to an image, or to all tagged images of a repository. */
export async function scittList(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const orNull = (name: string): string | null => (inputs.text(name) === '' ? null : inputs.text(name))
  const filter: StatementFilter = {
    issuer: orNull('issuer'),
    subject: orNull('subject'),
    feed: orNull('feed'),
    type: orNull('type'),
  }
  const trust = await trustOf(inputs, context, filter.issuer)
  const services = await readServices(inputs, ports.roots.cwd)
  const { store, images } = await imagesOf(inputs.required('image'), inputs.boolean('all-tags'), ports)
  const broken = new Set<string>()
  const rows: Row[] = []
  for (const { descriptor, tags } of images) {
    const found = await listStatements(store, descriptor, filter, (manifest) => broken.add(manifest))
    for (const listed of found) {
      const row = readable(() => rowOf(listed, tags, trust, services))
      if (row === null) broken.add(listed.attached.manifest.digest)
      else rows.push(row)
    }
  }
  return {
    outputs: { statements: rows.map(jsonOf), unreadable: [...broken].sort() },
    text: tableOf(rows, broken.size),
  }
}

/** Whom the options trust; null for nobody, as filters alone trust nobody. */
async function trustOf(
  inputs: RawInputs,
  context: ActionContext,
  issuer: string | null,
): Promise<StatementTrust | null> {
  if (inputs.text('public-key') === '' && issuer?.startsWith('did:x509:') !== true) return null
  // Subjects are a filter here, and patterns.
  return { ...(await readTrust(inputs, context)), about: null }
}

async function imagesOf(text: string, allTags: boolean, ports: Ports): Promise<{ store: Store; images: Image[] }> {
  if (!allTags) {
    const { store, descriptor, tag } = await resolveImage(text, ports)
    return { store, images: [{ descriptor, tags: tag === null ? [] : [tag] }] }
  }
  const reference = parseReference(text, ports.roots.cwd)
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw new InputError('input-invalid', `"${text}" names one image, but \`--all-tags\` is set`, {
      subject: 'image',
      remedy: 'Name the repository without tag and digest.',
    })
  const store = openStore(reference, ports)
  const tags = (await store.tags()).filter((tag) => !isAttachedTag(tag))
  if (tags.length > mostTags)
    throw new InputError('input-invalid', `"${text}" has ${tags.length} tags, the limit is ${mostTags}`, {
      subject: 'image',
      remedy: 'Name single images.',
    })
  const images = new Map<string, { descriptor: Descriptor; tags: string[] }>()
  for (const tag of tags) {
    const descriptor = await store.resolve({ tag })
    if (descriptor === null) continue
    const known = images.get(descriptor.digest) ?? { descriptor, tags: [] }
    known.tags.push(tag)
    images.set(descriptor.digest, known)
  }
  return { store, images: [...images.values()] }
}

/** A statement whose list of receipts is malformed is one more thing that strangers may attach. */
function readable<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof VerificationError) return null
    throw error
  }
}

function rowOf(
  listed: ListedStatement,
  tags: readonly string[],
  trust: StatementTrust | null,
  services: StatementTrust['services'],
): Row {
  const { statement, attached } = listed
  if (trust === null) {
    const { message } = statement
    const receipts = [
      ...judgeReceipts(message, services),
      ...attached.receipts.map((bytes, n) => judgeReceipt(bytes, message, services, `receipt ${n + 1}`)),
    ]
    return { tags, listed, receipts, verified: null, why: null }
  }
  const { checks, receipts } = judgeStatement(statement, trust, null, attached.receipts)
  const wrong = checks.find(({ ok }) => !ok)
  const why = wrong === undefined ? null : `${wrong.name}: ${wrong.why}`
  return { tags, listed, receipts, verified: wrong === undefined, why }
}

function jsonOf({ tags, listed, receipts, verified, why }: Row): JsonObject {
  const { statement, feed, target, attached } = listed
  return {
    image: target,
    tags: [...tags],
    manifest: attached.manifest.digest,
    issuer: statement.issuer,
    subject: statement.subject,
    feed,
    'content-type': statement.contentType === null ? null : String(statement.contentType),
    'issued-at': statement.issuedAt?.toISOString() ?? null,
    'not-before': statement.notBefore?.toISOString() ?? null,
    expires: statement.expires?.toISOString() ?? null,
    digest:
      statement.hashEnvelope === null || statement.message.payload === null
        ? null
        : `${statement.hashEnvelope.hash.name}:${statement.message.payload.toString('hex')}`,
    verified,
    why,
    receipts: receipts.map(({ status, service, issuer, registeredAt }) => ({
      status,
      service,
      issuer,
      'registered-at': registeredAt?.toISOString() ?? null,
    })),
  }
}

const header = ['IMAGE', 'VERIFIED', 'ISSUED', 'TYPE', 'RECEIPTS', 'SUBJECT', 'ISSUER'] as const

function tableOf(rows: readonly Row[], broken: number): string {
  const cells = rows.map(({ tags, listed: { statement, target, feed }, receipts, verified }) => [
    tags.length === 0 ? target.slice(0, 19) : tags.join(','),
    verified === null ? 'not checked' : verified ? 'yes' : 'NO',
    statement.issuedAt?.toISOString().replace(/\.\d+Z$/, 'Z') ?? '-',
    String(statement.contentType ?? '-'),
    receiptsText(receipts),
    statement.subject ?? feed ?? '-',
    statement.issuer,
  ])
  const table = [header, ...cells].map((row) => row.map((cell) => printable(cell)))
  const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  if (broken > 0) lines.push(`${broken} referrer(s) do not hold a statement or receipt`)
  return lines.map((line) => `${line}\n`).join('')
}

function receiptsText(receipts: readonly ReceiptVerdict[]): string {
  const verified = receipts.flatMap(({ status, service }) =>
    status === 'verified' && service !== null ? [service] : [],
  )
  const others = receipts.length - verified.length
  return [...verified, ...(others === 0 ? [] : [`${others} not verified`])].join(',') || '-'
}

import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { VerificationError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { printable } from '../../base/printable.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { judgeStatement, type StatementTrust, type StatementVerdict } from '../../log/scitt/judge.ts'
import { readStatement, type SignedStatement } from '../../log/scitt/statement.ts'
import type { CommandResult } from '../command.ts'
import { namedFile, optionFile } from '../option-file.ts'
import { statementsOf, type NamedStatement } from './source.ts'
import { readTrust } from './trust.ts'

/** `scitt verify`: a verdict on each statement. The exit code is 0 if at least one counts. */
export async function scittVerify(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const trust = await readTrust(inputs, context)
  const content = inputs.text('content') === '' ? null : await optionFile(inputs, 'content')
  const extra = await Promise.all(
    inputs.list('receipt').map(async (path) => namedFile(resolve(ports.roots.cwd, path), 'receipt')),
  )
  const source = await statementsOf(inputs.required('statement'), ports)
  const contents = content === null ? source.contents : [content]
  const judged = source.statements.map((one) =>
    judge({ ...one, receipts: [...one.receipts, ...extra] }, trust, contents),
  )
  const verified = judged.some((one) => one.verified)
  const lines = [...judged.flatMap(linesOf), ...source.notes.map((note) => `note: ${note}`)]
  if (judged.length === 0) lines.push('no signed statement is attached')
  lines.push(verified ? 'verified' : 'refused')
  return {
    outputs: { verified, statements: judged.map(jsonOf), notes: [...source.notes] },
    text: lines.map((line) => `${printable(line)}\n`).join(''),
    refused: !verified,
  }
}

interface Judged {
  name: string
  verified: boolean
  statement: SignedStatement | null
  verdict: StatementVerdict
  /** Whether the content that the statement is about was at hand and compared. */
  contentChecked: boolean
}

function judge({ name, bytes, receipts }: NamedStatement, trust: StatementTrust, contents: readonly Buffer[]): Judged {
  try {
    const statement = readStatement(bytes, name)
    const content = contentOf(statement, contents)
    const verdict = judgeStatement(statement, trust, content, receipts)
    const verified = verdict.checks.every(({ ok }) => ok)
    return { name, verified, statement, verdict, contentChecked: content !== null || statement.hashEnvelope === null }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    const checks = [{ name: 'format', ok: false, why: error.message }]
    return { name, verified: false, statement: null, verdict: { checks, receipts: [] }, contentChecked: false }
  }
}

/** The given content, or among several the one that a hash envelope digests. */
function contentOf({ hashEnvelope, message }: SignedStatement, contents: readonly Buffer[]): Buffer | null {
  const [first, more] = contents
  if (first !== undefined && more === undefined) return first
  if (hashEnvelope === null) return null
  const { name } = hashEnvelope.hash
  return contents.find((one) => message.payload?.equals(createHash(name).update(one).digest()) === true) ?? null
}

function linesOf({ name, verified, statement, verdict, contentChecked }: Judged): string[] {
  return [
    `${verified ? 'ok' : 'refused'}  ${name}`,
    ...(statement === null
      ? []
      : [
          `  issuer   ${statement.issuer}`,
          `  subject  ${statement.subject ?? '(none)'}`,
          `  content  ${statement.contentType ?? '(no type)'}${contentChecked ? '' : ', not compared: only its digest is signed'}`,
        ]),
    ...verdict.checks.map(({ name: check, ok, why }) => `  ${ok ? 'ok' : 'NO'}  ${check}: ${why}`),
    ...verdict.receipts.map(
      ({ status, why, registeredAt }) =>
        `  receipt  ${status}: ${why}${registeredAt === null ? '' : `, at ${registeredAt.toISOString()}`}`,
    ),
  ]
}

function jsonOf({ name, verified, statement, verdict, contentChecked }: Judged): JsonObject {
  return {
    name,
    verified,
    issuer: statement?.issuer ?? null,
    subject: statement?.subject ?? null,
    'issued-at': statement?.issuedAt?.toISOString() ?? null,
    'content-type': statement === null || statement.contentType === null ? null : String(statement.contentType),
    'content-checked': contentChecked,
    checks: verdict.checks.map((check) => ({ ...check })),
    receipts: verdict.receipts.map(({ status, service, issuer, registeredAt, why }) => ({
      status,
      service,
      issuer,
      'registered-at': registeredAt?.toISOString() ?? null,
      why,
    })),
  }
}

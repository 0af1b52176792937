import { InputError, VerificationError } from '../../base/errors.ts'
import { printable } from '../../base/printable.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { attachReceipt } from '../../log/scitt/attach.ts'
import { judgeStatement, type StatementTrust } from '../../log/scitt/judge.ts'
import { registerStatement, scrapiUrl } from '../../log/scitt/scrapi.ts'
import type { ScittService } from '../../log/scitt/services.ts'
import { readStatement } from '../../log/scitt/statement.ts'
import { judgeReceipt } from '../../log/scitt/verify.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { statementsOf, type NamedStatement } from './source.ts'
import { readServices, readTrust } from './trust.ts'

/** `scitt submit`: registers statements and keeps their receipts. What a trusted service registered already is not sent again. */
export async function scittSubmit(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const service = {
    url: scrapiUrl(inputs.required('url'), '--url'),
    token: await inputs.secret('token'),
    patienceMs: inputs.integer('timeout', 1, 3600) * 1000,
  }
  const services = await readServices(inputs, ports.roots.cwd)
  const output = inputs.text('output')
  const source = await statementsOf(inputs.required('statement'), ports)
  if (source.store === null && output === '')
    throw new InputError('input-missing', '`--output` is required for a statement in a file', {
      subject: 'output',
      remedy: 'Name the file for the receipt.',
    })
  if (source.store !== null && output !== '')
    throw new InputError('input-invalid', '`--output` is set, but receipts of an image are attached to it', {
      subject: 'output',
      remedy: 'Leave `--output` out.',
    })
  if (source.statements.length === 0)
    throw new InputError('not-found', 'no signed statement is attached to the image', {
      subject: 'statement',
      remedy: 'Sign with sign-attest and consumers: scitt.',
    })
  // Anybody may attach a statement to an image: what a stranger says is not registered in our name.
  const trust = source.store === null ? null : { ...(await readTrust(inputs, context)), services: [] }
  const lines: string[] = []
  const registered = []
  for (const one of source.statements) {
    if (trust !== null && !isTrusted(one, trust)) {
      lines.push(`ignored  ${one.name}: it is not by a trusted issuer`)
      continue
    }
    if (isRegistered(one, services)) {
      lines.push(`present  ${one.name}`)
      registered.push({ name: one.name, state: 'present', location: null })
      continue
    }
    // Read first: what is not a statement would be refused by the service, or registered by a careless one.
    const { message } = readStatement(one.bytes, one.name)
    const { receipt, location } = await registerStatement(service, one.bytes, ports)
    if (services.length > 0) {
      const { status, why } = judgeReceipt(receipt, message, services, `the receipt of ${service.url.host}`)
      if (status !== 'verified')
        throw new VerificationError('signature-invalid', `the receipt of ${service.url.host} does not count: ${why}`, {
          subject: service.url.host,
          remedy: 'Check the keys that `--service` names.',
        })
    }
    if (source.store !== null && one.manifest !== null) await attachReceipt(source.store, one.manifest, receipt)
    else await writeNewFile(inputs, 'output', receipt)
    lines.push(`registered  ${one.name}${location === null ? '' : ` at ${location}`}`)
    registered.push({ name: one.name, state: 'added', location })
  }
  await source.store?.settle?.()
  if (services.length === 0) lines.push('note: no receipt was verified, since no `--service` is set')
  return {
    outputs: { registered, 'receipts-verified': services.length > 0 },
    text: lines.map((line) => `${printable(line)}\n`).join(''),
  }
}

function isTrusted({ bytes, name }: NamedStatement, trust: StatementTrust): boolean {
  try {
    return judgeStatement(readStatement(bytes, name), trust, null).checks.every(({ ok }) => ok)
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}

/** Whether a trusted service has registered a statement already. */
function isRegistered({ bytes, name, receipts }: NamedStatement, services: readonly ScittService[]): boolean {
  if (receipts.length === 0 || services.length === 0) return false
  const { message } = readStatement(bytes, name)
  return receipts.some((receipt) => judgeReceipt(receipt, message, services, name).status === 'verified')
}

import { InputError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { duplicateMember } from '../../base/json-members.ts'
import type { Signer } from '../../statement/types.ts'
import {
  openRevocations,
  revocationsPayloadType,
  revocationsType,
  sealRevocations,
} from '../../tee/reference/revocations.ts'

/** Signs a revocation list, which people write by hand; null for any other document. @throws InputError `file-invalid` */
export async function signList(bytes: Buffer, signer: Signer, name: string): Promise<Buffer | null> {
  if (!bytes.includes(revocationsType)) return null
  const text = bytes.toString('utf8')
  const value = parseJson(text, name, 'input')
  if (!isObject(value) || value['type'] !== revocationsType) return null
  const twice = duplicateMember(text)
  if (twice === null) return sealRevocations(value, signer, name)
  throw new InputError('file-invalid', `${name} has the member "${twice}" twice`, {
    subject: name,
    remedy: 'One of them would be lost: write one.',
  })
}

/** What a signed revocation list says; null for a file that holds none. @throws VerificationError as {@link openRevocations} */
export function readList(
  bytes: Buffer,
  key: string,
  name: string,
  at: Date,
): { outputs: Record<string, string>; text: string } | null {
  if (!bytes.includes(revocationsPayloadType)) return null
  const list = openRevocations(bytes, [key], name, at)
  const lines = list.revoked.map(({ value, reason }) =>
    reason === undefined ? `  ${value}` : `  ${value}  ${JSON.stringify(reason)}`,
  )
  const head = [
    'signature verified',
    `name        ${JSON.stringify(list.name)}`,
    `issue       ${list.sequence}`,
    `valid       ${list['not-before']} to ${list['not-after']}`,
    `revoked, ${lines.length} values`,
  ]
  const outputs = { name: list.name, sequence: String(list.sequence), revoked: String(lines.length) }
  return { outputs, text: `${[...head, ...lines].join('\n')}\n` }
}

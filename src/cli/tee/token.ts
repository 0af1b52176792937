import { InputError } from '../../base/errors.ts'
import { printable } from '../../base/printable.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { readTokenKeys } from '../../kbs/tokens/keys.ts'
import { readVerifierToken, type VerifierToken } from '../../kbs/tokens/token.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'
import { hexOption, timeOption } from './option-values.ts'

/** Age of a token without an end, in seconds, at which it no longer counts; the option goes up to a day. */
const mostAge = 86_400

/** `tee token`: checks a verifier's token by pinned keys and prints what it says. Refused, unless the verifier affirms the machine. */
export async function teeToken(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const text = (await optionFile(inputs, 'file')).toString('latin1').trim()
  inputs.required('keys')
  const optional = (name: string): string | null => inputs.text(name) || null
  const token = await readVerifierToken(text, {
    keys: readTokenKeys(await optionFile(inputs, 'keys'), 'keys'),
    issuer: optional('issuer'),
    audience: optional('audience'),
    nonce: optional('nonce'),
    reportData: hexOption(inputs, 'report-data', 64)?.toString('hex') ?? null,
    at: timeOption(inputs, 'at', ports.clock.now()),
    maxAge: inputs.integer('max-age', 1, mostAge),
  })
  const wanted = inputs.list('measurement').map((one) => one.toLowerCase())
  const bad = wanted.find((one) => !/^(?:[0-9a-f]{64}|[0-9a-f]{96})$/.test(one))
  if (bad !== undefined)
    throw new InputError('input-invalid', `--measurement: "${bad}" is not 64 or 96 hex digits`, {
      subject: 'measurement',
      remedy: 'Write the launch measurement in hex.',
    })
  const isWanted = wanted.length === 0 || (token.measurement !== null && wanted.includes(token.measurement))
  const lines = linesOf(token)
  if (!isWanted) lines.push(`refused: the measurement is not one of --measurement (${wanted.join(', ')})`)
  if (token.status !== 'affirming') lines.push(`refused: the verifier does not affirm this machine`)
  return {
    outputs: { ...token, nonces: [...token.nonces] },
    text: `${lines.map(printable).join('\n')}\n`,
    refused: token.status !== 'affirming' || !isWanted,
  }
}

function linesOf(token: VerifierToken): string[] {
  const time = (seconds: number): string => new Date(seconds * 1000).toISOString()
  const shown = (value: string | boolean | null): string => (value === null ? 'not in the token' : String(value))
  return [
    `verifier: ${token.verifier}, issuer ${shown(token.issuer)}`,
    `status: ${token.status} (${token.words})`,
    `technology: ${shown(token.technology)}`,
    `measurement: ${shown(token.measurement)}`,
    `debug: ${shown(token.debug)}`,
    `report data: ${shown(token.reportData)}`,
    `time: ${time(token.issuedAt)} to ${time(token.expires)}`,
  ]
}

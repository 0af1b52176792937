import { printable } from '../../base/printable.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import { tryOnInput } from '../../kbs/rego/trial.ts'
import { parseKbsUri } from '../../kbs/uri.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'

/** Evaluates a policy of a KBS on a token or on claims, and prints the value of each rule that Trustee asks for. */
export async function kbsPolicyTest(inputs: RawInputs): Promise<CommandResult> {
  const policy = (await optionFile(inputs, 'file')).toString('utf8')
  const input = claimsOf((await optionFile(inputs, 'input')).toString('utf8').trim())
  const { values, problems } = tryOnInput(policy, {
    input,
    data: await dataOf(inputs),
    values: await objectOf(inputs, 'reference-values'),
  })
  const lines = Object.entries(values).map(
    ([name, value]) => `${name}: ${value === null ? 'undefined' : JSON.stringify(value)}`,
  )
  const text = [...lines, ...problems.map((problem) => `PROBLEM ${problem}`)]
    .map((line) => `${printable(line)}\n`)
    .join('')
  return { outputs: { values, problems: [...problems] }, text, refused: problems.length > 0 }
}

/** JSON as it stands, or the payload of a JWT, whose signature this command does not check. */
function claimsOf(text: string): JsonValue {
  const [, payload] = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(text) ?? []
  return parseJson(
    payload === undefined ? text : Buffer.from(payload, 'base64url').toString('utf8'),
    '--input',
    'input',
  )
}

/** What a resource policy sees beside the token: `--data`, or what Trustee makes of the path that is asked for. */
async function dataOf(inputs: RawInputs): Promise<JsonObject> {
  const uri = inputs.text('uri')
  if (uri === '') return objectOf(inputs, 'data')
  if (inputs.text('data') !== '')
    throw new InputError('input-invalid', 'both --uri and --data are given', {
      subject: 'data',
      remedy: 'Give `--uri`, or `--data` with plugin, resource-path and query.',
    })
  return { plugin: 'resource', 'resource-path': [...parseKbsUri(uri)], query: {} }
}

async function objectOf(inputs: RawInputs, name: string): Promise<JsonObject> {
  if (inputs.text(name) === '') return {}
  const value = parseJson((await optionFile(inputs, name)).toString('utf8'), `--${name}`, 'input')
  if (isObject(value)) return value
  throw new InputError('file-invalid', `--${name} is not a JSON object`, {
    subject: name,
    remedy: `Name a file with one JSON object in \`--${name}\`.`,
  })
}

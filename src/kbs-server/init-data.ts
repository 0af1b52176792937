import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { initdataDigest } from '../initdata/bindings.ts'
import { AppraisalError } from './failure.ts'

/** Init-data as a guest sends it: the digest that its hardware is bound to, and what a token shows of it. */
export interface InitData {
  digest: Buffer
  /** Files by name: TOML as JSON, others as text. The agent's policy data is not taken out of `policy.rego`, as Trustee does. */
  claims: JsonObject
}

/**
 * Reads the member `init-data` of an attestation: null where there is none. As Trustee does, the version is not looked at; `sm3` is refused here.
 *
 * @throws AppraisalError
 */
export async function readInitData(value: JsonValue | undefined): Promise<InitData | null> {
  if (value === undefined || value === null) return null
  if (!isObject(value) || value['format'] !== 'toml' || typeof value['body'] !== 'string') throw unreadable()
  return readInitToml(value['body'])
}

/** The same of the text alone. @throws AppraisalError */
export async function readInitToml(text: string): Promise<InitData> {
  const document = await toml(text)
  const algorithm = (['sha256', 'sha384', 'sha512'] as const).find((one) => one === document['algorithm'])
  const data = document['data']
  if (algorithm === undefined || typeof document['version'] !== 'string' || !isObject(data)) throw unreadable()
  const claims: JsonObject = {}
  for (const [name, content] of Object.entries(data)) {
    if (typeof content !== 'string') throw unreadable()
    claims[name] = name.endsWith('.toml') ? await toml(content) : content
  }
  return { digest: initdataDigest(Buffer.from(text), algorithm), claims }
}

async function toml(text: string): Promise<JsonObject> {
  const { parseToml } = await import('../encoding/toml.ts')
  let value: JsonValue
  try {
    value = JSON.parse(JSON.stringify(parseToml(text))) as JsonValue
  } catch {
    throw unreadable()
  }
  if (!isObject(value)) throw unreadable()
  return value
}

function unreadable(): AppraisalError {
  return new AppraisalError('init-data that cannot be read')
}

import { randomBytes } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { wrapWithKek } from '../../encrypt/packet.ts'
import { publicJwk, sealSecret, vaultOf, type SealedContent } from '../../kbs/sealed-secret.ts'
import { parseKbsUri } from '../../kbs/uri.ts'
import { openPrivateKey } from '../../sign/keys.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'
import { readDataKey } from './data-key.ts'

const providers = ['aliyun', 'aws', 'ehsm'] as const

/** Writes a signed sealed secret, or the YAML of a Kubernetes Secret that holds it. */
export async function secretSeal(inputs: RawInputs): Promise<CommandResult> {
  const kid = inputs.required('key-uri')
  if (kid.includes('/')) parseKbsUri(kid)
  else if (!/^\w[\w.-]{0,127}$/.test(kid))
    throw invalid('key-uri', `"${kid}" is neither kbs:///repo/type/tag nor the plain name of a file`)
  const place = kubernetesPlace(inputs)
  inputs.required('output')
  const key = await openPrivateKey((await inputs.secret('key')) ?? inputs.required('key'), null)
  const content = inputs.text('resource') === '' ? await envelope(inputs) : vault(inputs)
  const sealed = sealSecret(content, kid, key)
  // A guest refuses a line break behind it.
  const path = await writeNewFile(inputs, 'output', place === null ? sealed : manifest(place, sealed))
  const jwk = publicJwk(key, 'key')
  const keyPath =
    inputs.text('public-key-output') === ''
      ? null
      : await writeNewFile(inputs, 'public-key-output', JSON.stringify(jwk))
  return {
    outputs: { path, sealed, type: content.type, 'key-uri': kid, 'public-jwk': jwk, 'public-key-path': keyPath },
    text: `${path}\nGuests read the key that checks it as ${kid}.\n`,
  }
}

function vault(inputs: RawInputs): SealedContent {
  const other = ['provider', 'key-id', 'data-key', 'wrapped-key', 'secret'].find((name) => inputs.text(name) !== '')
  if (other !== undefined) throw invalid(other, 'has no effect with `resource`')
  const name = inputs.text('resource')
  parseKbsUri(name)
  return vaultOf(name)
}

async function envelope(inputs: RawInputs): Promise<SealedContent> {
  if (inputs.text('provider') === '')
    throw new InputError('input-missing', 'nothing to seal was named', {
      subject: 'resource',
      remedy: 'Give `resource`, or `provider`, `key-id`, `data-key`, `wrapped-key` and `secret`.',
    })
  // A KBS unwraps nothing for a guest: it gives resources, which is a vault.
  const provider = inputs.choice('provider', providers)
  const key_id = inputs.required('key-id')
  inputs.required('wrapped-key')
  const wrapped = await optionFile(inputs, 'wrapped-key')
  const secret = (await inputs.secret('secret')) ?? inputs.required('secret')
  const dataKey = (await readDataKey(inputs)) ?? Buffer.from(inputs.required('data-key'))
  const iv = randomBytes(12)
  return {
    version: '0.1.0',
    type: 'envelope',
    key_id,
    encrypted_key: toBase64(wrapped),
    encrypted_data: toBase64(wrapWithKek(dataKey, Buffer.from(secret), iv)),
    wrap_type: 'A256GCM',
    iv: toBase64(iv),
    provider,
    provider_settings: {},
    annotations: {},
  }
}

interface Place {
  name: string
  member: string
}

/** Names by the rules of Kubernetes: a DNS subdomain, and letters, digits, dots, dashes and underscores. */
function kubernetesPlace(inputs: RawInputs): Place | null {
  const text = inputs.text('kubernetes')
  if (text === '') return null
  const [, name, member] = /^([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)\/([\w.-]{1,253})$/.exec(text) ?? []
  if (name !== undefined && member !== undefined) return { name, member }
  throw invalid('kubernetes', `"${text}" is not NAME/MEMBER of a Kubernetes Secret`)
}

function manifest({ name, member }: Place, sealed: string): string {
  const lines = ['apiVersion: v1', 'kind: Secret', 'metadata:', `  name: "${name}"`, 'type: Opaque', 'stringData:']
  return [...lines, `  "${member}": "${sealed}"`, ''].join('\n')
}

function invalid(subject: string, message: string): InputError {
  return new InputError('input-invalid', `${subject}: ${message}`, { subject, remedy: 'See docs/sealed-secrets.md.' })
}

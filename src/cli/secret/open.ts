import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { unwrapWithKek } from '../../encrypt/packet.ts'
import {
  readSealedSecret,
  readVerificationKey,
  verifySealedSecret,
  type Envelope,
  type Vault,
} from '../../kbs/sealed-secret.ts'
import type { CommandResult } from '../command.ts'
import { namedKbs, type NamedKbs } from '../encrypt/read-keys.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'
import { readDataKey } from './data-key.ts'

/** Checks a sealed secret and, where key or KBS are given, writes what it stands for. */
export async function secretOpen(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const subject = inputs.text('file')
  const sealed = readSealedSecret(await optionFile(inputs, 'file'), subject)
  const { kid, content } = sealed
  const dataKey = await readDataKey(inputs)
  const kbs = await namedKbs(inputs, ports)
  try {
    verifySealedSecret(sealed, await keyOf(inputs, kid, kbs), subject)
    const secret = content.type === 'vault' ? await fromVault(content, kbs) : fromEnvelope(content, dataKey)
    const wanted = inputs.text('output') !== ''
    if (wanted && secret === null) throw notOpened(content)
    const path = secret === null || !wanted ? null : await writeNewFile(inputs, 'output', secret, { mode: 0o600 })
    const target = content.type === 'vault' ? content.name : content.key_id
    const told = secret === null ? 'it was not opened' : `it opens to ${secret.length} bytes`
    return {
      outputs: {
        verified: true,
        type: content.type,
        provider: content.provider,
        target,
        'key-uri': kid,
        opened: secret !== null,
        path,
      },
      text: `${subject}: ${content.type} for ${target} (${content.provider}), signed by the key of ${kid}: ${told}.\n`,
    }
  } finally {
    await kbs?.close()
  }
}

async function keyOf(
  inputs: RawInputs,
  kid: string,
  kbs: NamedKbs | null,
): Promise<ReturnType<typeof readVerificationKey>> {
  if (inputs.text('public-key') !== '') return readVerificationKey(await optionFile(inputs, 'public-key'), 'public-key')
  if (kbs !== null && kid.startsWith('kbs://')) return readVerificationKey(await kbs.resource(withoutHost(kid)), kid)
  throw new InputError('input-missing', `${kid}: the key that signed was not given`, {
    subject: 'public-key',
    remedy: 'Give `public-key`, or the KBS that guests ask as `kbs-url`.',
  })
}

async function fromVault({ name, provider }: Vault, kbs: NamedKbs | null): Promise<Buffer | null> {
  return provider.toLowerCase() === 'kbs' && kbs !== null ? kbs.resource(withoutHost(name)) : null
}

function fromEnvelope({ encrypted_data, iv, wrap_type, key_id }: Envelope, key: Buffer | null): Buffer | null {
  if (key === null) return null
  const [wrapped, nonce] = [encrypted_data, iv].map((one) => fromBase64(one, key_id))
  if (wrapped === undefined || nonce === undefined) return null
  return unwrapWithKek(key, { kid: key_id, wrapped, iv: nonce, mode: wrap_type })
}

/** Guests ask the KBS that they are configured for, whatever host stands there. */
function withoutHost(uri: string): string {
  return uri.replace(/^kbs:\/\/[^/]*\//, 'kbs:///')
}

function notOpened({ type, provider }: Vault | Envelope): InputError {
  return new InputError('input-missing', `the secret lies with ${provider}, and nothing was given to open it`, {
    subject: 'output',
    remedy: type === 'envelope' ? 'Give `data-key`.' : 'Give `kbs-url`; secrets at a KMS are not opened here.',
  })
}

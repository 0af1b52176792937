import { readFile } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import { kekBytes } from '../../encrypt/packet.ts'
import type { Ports } from '../../base/ports.ts'
import { kbsIdentity } from '../../kbs-server/connect.ts'
import type { RawInputs } from '../../doors/context.ts'
import type { KeyInputs } from '../../tasks/key-request.ts'
import { optionalText } from '../shared/optional.ts'

export interface EncryptInputs {
  /** Reference, or null for the job's plain image. */
  image: string | null
  recipients: string[]
  /** Positions from 0, negative ones from the end; null for all. */
  layers: number[] | null
  /** A KEK for all `kbs:` recipients, where no agent keeps them. */
  kek: Buffer | null
  /** The KBS that `kbs:` keys are for: a URL, or `embedded:` and an absolute folder. */
  kbs: string | null
  output: string | null
  /** The image is encrypted already: its recipients are replaced or added to. Null for a plain image. */
  rewrap: { keep: boolean; keys: KeyInputs } | null
}

/** @throws InputError `input-invalid`, `input-missing`, `file-missing`, `file-invalid` */
export async function readInputs(raw: RawInputs, ports: Ports): Promise<EncryptInputs> {
  const layers = raw.list('layers')
  return {
    image: optionalText(raw, 'image'),
    recipients: raw.list('recipients'),
    layers: raw.text('layers') === '' || layers.join() === 'all' ? null : layers.map(position),
    kek: raw.text('key-file') === '' ? null : await keyFile(raw.path('key-file')),
    kbs: raw.text('kbs-url') === '' ? null : kbsIdentity(raw.text('kbs-url'), ports.roots.cwd),
    output: optionalText(raw, 'output'),
    rewrap: await rewrapInputs(raw),
  }
}

async function rewrapInputs(raw: RawInputs): Promise<EncryptInputs['rewrap']> {
  const how = raw.choice('rewrap', ['', 'add', 'replace'])
  const decryptionKey = await raw.secret('decryption-key')
  if (how === '') {
    if (decryptionKey === null) return null
    throw new InputError('input-invalid', '`decryption-key` was given, but a plain image is encrypted without one', {
      subject: 'decryption-key',
      remedy: 'Leave `decryption-key` out, or set `rewrap` to give an encrypted image other recipients.',
    })
  }
  if (raw.text('layers') !== '' && raw.text('layers') !== 'all')
    throw new InputError('input-invalid', '`layers` and `rewrap` exclude each other, but both are set', {
      subject: 'layers',
      remedy: 'Leave `layers` out: all encrypted layers get the new recipients.',
    })
  raw.required('image')
  // With a key at hand, the KBS is the one of the new keys alone.
  const kbsUrl = decryptionKey === null ? raw.text('kbs-url') : ''
  return { keep: how === 'add', keys: { decryptionKey, kbsUrl, trusteeUrl: raw.text('trustee-url') } }
}

function position(text: string): number {
  if (/^(?:0|-?[1-9][0-9]{0,3})$/.test(text)) return Number(text)
  throw new InputError('input-invalid', `layers: ${text} is not the position of a layer`, {
    subject: 'layers',
    remedy: 'Write all, or positions from 0; -1 is the last layer.',
  })
}

/** Raw bytes, so the usual reading of secrets as text does not fit. */
async function keyFile(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InputError('file-missing', 'key-file cannot be read', {
      subject: 'key-file',
      cause,
      remedy: 'Give the path of a file of 32 raw bytes.',
    })
  })
  if (bytes.length === kekBytes) return bytes
  throw new InputError('file-invalid', `key-file holds ${bytes.length} bytes`, {
    subject: 'key-file',
    remedy: 'A key is exactly 32 raw bytes: head -c 32 /dev/urandom > FILE.',
  })
}

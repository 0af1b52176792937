import { readFile } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import { kekBytes } from '../../encrypt/packet.ts'
import type { Ports } from '../../base/ports.ts'
import { kbsIdentity } from '../../kbs-server/connect.ts'
import type { RawInputs } from '../../doors/context.ts'
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
  }
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

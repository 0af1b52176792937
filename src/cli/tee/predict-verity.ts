import { createReadStream } from 'node:fs'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { verityRootHash } from '../../tee/measure/verity.ts'

/** `tee predict verity`: the dm-verity root hash of a partition, alone or within a disk image, without writing a hash tree. */
export async function predictVerity(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  inputs.required('image')
  const path = inputs.path('image')
  const options = {
    hash: inputs.choice('hash', ['sha256', 'sha512']),
    salt: readSalt(inputs.required('salt')),
    dataBlock: inputs.integer('data-block', 512, 65536),
    hashBlock: inputs.integer('hash-block', 512, 65536),
  }
  const start = inputs.integer('offset', 0, 999_999_999_999)
  const size = inputs.text('size') === '' ? null : inputs.integer('size', 1, 999_999_999_999)
  let bytes = 0
  const range = { highWaterMark: 1 << 20, start, ...(size === null ? {} : { end: start + size - 1 }) }
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(path, range) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      ports.log.progress(`${bytes >> 20} MiB`)
      yield chunk
    }
  }
  const root = await verityRootHash(source(), options).catch((cause: Partial<NodeJS.ErrnoException>) => {
    if (cause.syscall === undefined) throw cause
    throw new InputError('file-missing', `${path} cannot be read`, {
      subject: 'image',
      cause,
      remedy: 'Name the image of one partition for --image.',
    })
  })
  if (size !== null && bytes !== size) {
    throw new InputError('input-invalid', `${path} has ${bytes} bytes from ${start} on, not ${size}`, {
      subject: 'size',
      remedy: 'Give the place of the partition as the partition table has it, in bytes.',
    })
  }
  const digest = root.toString('hex')
  return { outputs: { 'root-hash': digest }, text: `${digest}\n` }
}

/** veritysetup takes `-` for an empty salt. */
function readSalt(text: string): Buffer {
  if (text === '-') return Buffer.alloc(0)
  if (/^([\da-fA-F]{2}){1,256}$/.test(text)) return Buffer.from(text, 'hex')
  throw new InputError('input-invalid', '--salt is not hexadecimal', {
    subject: 'salt',
    remedy: 'Give the salt that veritysetup was given, in hex, or - for none.',
  })
}

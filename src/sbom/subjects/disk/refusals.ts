import { InputError, VerificationError } from '../../../base/errors.ts'
import { diskLimits } from './types.ts'

/** Refusal of a file system that its tool cannot read, or reads in two ways. */
export function damaged(why: string): VerificationError {
  return new VerificationError('format-invalid', `the file system cannot be read: ${why}`, {
    subject: 'subject',
    remedy: 'The image is damaged, or holds names that no system makes: check it with the tools of its file system.',
  })
}

/** @throws InputError `unsupported` where contents would not fit */
export function requireRoom(bytes: number, most: number): void {
  if (bytes <= most && bytes <= diskLimits.bytes) return
  throw new InputError(
    'unsupported',
    `the files of the image have ${bytes} bytes, but at most ${most} bytes fit here`,
    {
      subject: 'subject',
      remedy: 'Free space in the temporary folder, or set TMPDIR to a larger disk.',
    },
  )
}

/** @throws VerificationError for more entries than are read */
export function requireFew(entries: number): void {
  if (entries > diskLimits.entries) throw damaged(`it holds more than ${diskLimits.entries} files`)
}

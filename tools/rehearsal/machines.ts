import { InputError } from '../../src/base/errors.ts'

/** One machine of the rehearsal: the image that it boots, by what differs from the one that was predicted. */
export interface Machine {
  name: string
  title: string
  /** What differs, in one sentence. */
  difference: string
  initrd: readonly Buffer[]
  commandLine: string
  /** What its job builds. */
  application: 'example' | 'small'
}

/** Text in the comment at the head of `init`: changing it changes no behaviour, only what is measured. */
const inInit = Buffer.from('# First process of the runner guest.')
const inCommandLine = 'loglevel=3'

/** The image as predicted, and two that differ from it in a single byte. */
export function threeMachines(own: Buffer, others: Buffer, commandLine: string): [Machine, Machine, Machine] {
  return [
    {
      name: 'predicted',
      title: 'as predicted',
      difference: 'nothing',
      initrd: [own, others],
      commandLine,
      application: 'example',
    },
    {
      name: 'initrd',
      title: 'one byte of the initrd',
      difference: 'one letter in a comment of init, so one byte of the initrd: “first” for “First”',
      initrd: [otherCase(own, inInit, 2), others],
      commandLine,
      application: 'small',
    },
    {
      name: 'command-line',
      title: 'one byte of the command line',
      difference: 'one digit of the kernel command line: loglevel=4 for loglevel=3',
      initrd: [own, others],
      commandLine: otherDigit(commandLine),
      application: 'small',
    },
  ]
}

/** A copy with the letter at `offset` of the one place where `text` stands in the other case. */
function otherCase(bytes: Buffer, text: Buffer, offset: number): Buffer {
  const at = bytes.indexOf(text)
  if (at === -1 || bytes.includes(text, at + 1)) throw missing('images/runner/init', text.toString())
  const copy = Buffer.from(bytes)
  copy[at + offset] = (bytes[at + offset] ?? 0) ^ 0x20
  return copy
}

function otherDigit(commandLine: string): string {
  if (!commandLine.includes(inCommandLine)) throw missing('the command line', inCommandLine)
  return commandLine.replace(inCommandLine, 'loglevel=4')
}

function missing(where: string, text: string): InputError {
  return new InputError('input-invalid', `${where} has no “${text}”, or more than one, so it cannot be changed there`, {
    subject: where,
  })
}

import { asTyped, errorAsTyped } from '../../src/doors/phrase.ts'

const cli = {
  names: ['incomplete', 'image', 'signer', 'file'],
  label: (name: string) => (name === 'file' ? 'the file' : `--${name}`),
}

test.each([
  ['Set `incomplete: warn` to go on.', 'Set `--incomplete warn` to go on.'],
  ['Give `image`, or set `signer: key`.', 'Give `--image`, or set `--signer key`.'],
  ['Give `file`.', 'Give the file.'],
  // Members of a policy and of a plan, and plain words, are no inputs.
  ['Write `accept-sample: true` into the policy.', 'Write `accept-sample: true` into the policy.'],
  ['The image is incomplete: build it again.', 'The image is incomplete: build it again.'],
])('%s', (text, typed) => {
  expect(asTyped(text, cli)).toBe(typed)
})

test('a message that begins with its input begins with its option', () => {
  const error = {
    code: 'input-invalid' as const,
    message: 'image: "x" is not there',
    subject: 'image',
    remedy: 'Give `image`.',
  }
  expect(errorAsTyped(error, cli)).toEqual({
    ...error,
    message: '--image: "x" is not there',
    remedy: 'Give `--image`.',
  })
  // The subject is something else than an input of this command.
  expect(errorAsTyped({ ...error, subject: 'layers', message: 'layers: none' }, cli).message).toBe('layers: none')
  expect(errorAsTyped({ ...error, subject: null, remedy: null }, cli)).toEqual({
    ...error,
    subject: null,
    remedy: null,
  })
})

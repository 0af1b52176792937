import { TransportError, VerificationError } from '../../../src/base/errors.ts'
import { explainRoot, remedyOf } from '../../../src/cli/bundle/refusal.ts'

const hint = 'The public Sigstore instance was assumed. For another instance give --trusted-root FILE.'

test('the trusted root is named only where none was given and where it can be the cause', () => {
  expect(remedyOf({ code: 'log-invalid' }, true)).toBe(hint)
  expect(remedyOf({ code: 'log-invalid', remedy: 'Sign again.' }, true)).toBe(`Sign again. ${hint}`)
  expect(remedyOf({ code: 'log-invalid', remedy: 'Sign again.' }, false)).toBe('Sign again.')
  expect(remedyOf({ code: 'identity-mismatch' }, true)).toBeNull()
})

test('a refusal at signing keeps its code and gains the remedy; other errors pass', async () => {
  const refusal = new VerificationError('certificate-invalid', 'no', { subject: 'leaf', remedy: 'Check.' })
  await expect(explainRoot(true, () => Promise.reject(refusal))).rejects.toMatchObject({
    code: 'certificate-invalid',
    message: 'no',
    subject: 'leaf',
    remedy: `Check. ${hint}`,
  })
  await expect(explainRoot(false, () => Promise.reject(refusal))).rejects.toMatchObject({ remedy: 'Check.' })
  const network = new TransportError('sigstore-error', 'down')
  await expect(explainRoot(true, () => Promise.reject(network))).rejects.toBe(network)
  await expect(explainRoot(true, () => Promise.resolve(1))).resolves.toBe(1)
})

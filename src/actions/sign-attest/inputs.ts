import { InputError } from '../../base/errors.ts'
import { timestampUrl } from '../../log/timestamp/client.ts'
import { consumers, internalKinds, signableKinds, type SignRequest } from '../../tasks/sign/request.ts'
import type { RawInputs } from '../../doors/context.ts'
import { optional, optionalFile, optionalPath, optionalText, wordList } from '../shared/optional.ts'
import { readSigner } from '../shared/signer.ts'
import { readKeyless } from './keyless.ts'
import { readReleased } from './released.ts'

/** @throws InputError `input-invalid`, `input-missing` */
export async function readInputs(raw: RawInputs): Promise<SignRequest> {
  const released = readReleased(raw)
  const { signer, key } =
    released === null
      ? await readSigner(raw, ['agent', 'keyless'], ['kbs:///REPOSITORY/TYPE/TAG'])
      : { signer: 'key' as const, key: released }
  if (signer !== 'key' && raw.text('key') !== '') {
    const who = signer === 'agent' ? 'the agent' : signer
    throw new InputError('input-invalid', `a key was given, but the signer is ${who}`, {
      subject: 'signer',
      remedy: 'Set `signer: key`; an agent that runs signs as well.',
    })
  }
  const statements = wordList(raw, 'statements', signableKinds)
  const identity = optionalText(raw, 'identity')
  if (identity !== null && !/^[A-Za-z0-9.-]+(?::\d{1,5})?(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)+$/.test(identity)) {
    throw new InputError('input-invalid', `identity ${JSON.stringify(identity)} is no image name`, {
      subject: 'identity',
      remedy: 'Write HOST/NAME as consumers will pull it.',
    })
  }
  const claims = raw.list('claims', true).map((item) => raw.path('claims', item))
  if (claims.length > 0 && statements.length > 0)
    throw new InputError('input-invalid', '`claims` and `statements` were both given', {
      subject: 'claims',
      remedy: 'Sign claims in a step of their own, with the key of whoever made the reports.',
    })
  const certificate = await optionalFile(raw, 'certificate', 'Give a PEM file.')
  return {
    image: optionalText(raw, 'image'),
    output: optionalText(raw, 'output'),
    recursive: raw.text('recursive') === '' || raw.boolean('recursive'),
    signer,
    key,
    keyless: await readKeyless(raw, signer),
    certificate: certificate?.toString('utf8') ?? null,
    statements: statements.length === 0 ? null : statements,
    consumers: wordList(raw, 'consumers', consumers),
    sbom: optionalPath(raw, 'sbom'),
    claims,
    internal: wordList(raw, 'internal', internalKinds),
    identity,
    log: await logRequest(raw),
    timestamp: optional(raw, 'timestamp', timestampUrl),
  }
}

async function logRequest(raw: RawInputs): Promise<SignRequest['log']> {
  const place = raw.text('log')
  if (place === '') return null
  const pem = await raw.secret('log-private-key')
  return {
    place,
    key: pem === null ? null : { pem, password: null },
    witnesses: raw.list('log-witnesses'),
  }
}

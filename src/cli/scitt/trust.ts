import { basename, resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import type { StatementTrust } from '../../log/scitt/judge.ts'
import { readAuthorityChain, type TimestampAuthority } from '../../log/timestamp/authority.ts'
import { readServiceKeys, type ScittService } from '../../log/scitt/services.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { namedFile } from '../option-file.ts'
import { option } from '../tee/evidence-options.ts'
import { timeOption } from '../tee/option-values.ts'
import { useOneOf } from '../../base/nearest.ts'

const acceptances = ['no-subject', 'unbound-curve'] as const

/** Options that say whom `scitt verify` and `scitt submit` trust. */
export const serviceOptions = [
  option(
    'service',
    'Keys of a trusted transparency service, [ISSUER=]FILE: PEM, JWK set, CCF parameters or COSE_KeySet; may be repeated.',
  ),
  option(
    'entry',
    'What these services hash as the entry of a log of RFC 9162: statement, or statement-sha256 (the hash of the statement).',
    'statement',
  ),
]

/** Options of a trusted issuer. */
export const issuerOptions = [
  option(
    'public-key',
    'Key of an issuer, [ISSUER=]FILE (PEM); may be repeated. Among several keys each needs ISSUER, unless the issuer is named by the key itself (thumbprint, did:x509).',
  ),
  option('issuer', 'The only issuer that counts. A did:x509 needs no key: it pins an authority of the certificates.'),
  option('subject', 'The only subject that counts.'),
  option(
    'accept',
    'Accept by name: no-subject (the statement names none), unbound-curve (ES384 with a P-256 key, as Azure signs trust lists).',
  ),
  option(
    'timestamp-authority',
    'PEM chain of an RFC 3161 service that is trusted to stamp signatures; may be repeated.',
  ),
  option(
    'at',
    'Time at which certificates must be valid, e.g. 2026-11-25T12:00:00Z. Default: the earliest time that a trusted receipt or stamp proves, else now.',
  ),
]

/** Reads whom a user trusts. @throws InputError */
export async function readTrust(inputs: RawInputs, { ports }: ActionContext): Promise<StatementTrust> {
  const { cwd } = ports.roots
  const keys = await Promise.all(
    inputs.list('public-key').map(async (text) => {
      const { issuer, path } = namedBy(text)
      const pem = await namedFile(resolve(cwd, path), 'public-key')
      return { key: loadPublicKey(pem.toString('utf8'), path).object, issuer }
    }),
  )
  const accept = inputs.list('accept')
  const unknown = accept.find((name) => !acceptances.some((known) => known === name))
  if (unknown !== undefined)
    throw new InputError('input-invalid', `\`--accept\`: "${unknown}" is not known`, {
      subject: 'accept',
      remedy: useOneOf(unknown, acceptances),
    })
  const orNull = (name: string): string | null => (inputs.text(name) === '' ? null : inputs.text(name))
  const issuer = orNull('issuer')
  if (keys.length === 0 && issuer?.startsWith('did:x509:') !== true)
    throw new InputError(
      'input-missing',
      'nobody is trusted: neither `--public-key` nor a did:x509 as `--issuer` is set',
      {
        subject: 'public-key',
        remedy: 'Give the key of the issuer, or its did:x509.',
      },
    )
  return {
    keys,
    issuer,
    about: orNull('subject'),
    services: await readServices(inputs, cwd, !accept.includes('unbound-curve')),
    bindCurve: !accept.includes('unbound-curve'),
    acceptNoSubject: accept.includes('no-subject'),
    authorities: await readAuthorities(inputs, cwd),
    at: timeOption(inputs, 'at', ports.clock.now()),
  }
}

async function readAuthorities(inputs: RawInputs, cwd: string): Promise<TimestampAuthority[]> {
  return Promise.all(
    inputs.list('timestamp-authority').map(async (text) => {
      const path = resolve(cwd, text)
      const pem = await namedFile(path, 'timestamp-authority')
      return { name: basename(path), chain: readAuthorityChain(pem.toString('utf8'), path) }
    }),
  )
}

/** The services of `--service`. @throws InputError */
export async function readServices(inputs: RawInputs, cwd: string, bindCurve = true): Promise<ScittService[]> {
  const entry = inputs.choice('entry', ['statement', 'statement-sha256'])
  return Promise.all(
    inputs.list('service').map(async (text) => {
      const { issuer, path: file } = namedBy(text)
      const path = resolve(cwd, file)
      const keys = readServiceKeys(await namedFile(path, 'service'), path)
      return { name: issuer ?? basename(path), issuer, keys, entry, bindCurve }
    }),
  )
}

/** Parts of `[ISSUER=]FILE`. */
function namedBy(text: string): { issuer: string | null; path: string } {
  const cut = text.indexOf('=')
  return { issuer: cut === -1 ? null : text.slice(0, cut), path: text.slice(cut + 1) }
}

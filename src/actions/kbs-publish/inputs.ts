import { readStateChoice, type StateChoice } from '../../tasks/publish/state-choice.ts'
import { isDeepStrictEqual } from 'node:util'
import { readFile } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { kbsIdentity } from '../../kbs-server/connect.ts'
import type { RawInputs } from '../../doors/context.ts'
import { adminClaims, usualClaims, type AdminClaims } from '../../kbs/admin-token.ts'

export interface PublishInputs {
  /** https URL, http on loopback, or `embedded:DIR`. */
  kbsUrl: string
  /** Private key or ready token; null for an embedded KBS, which has its own. */
  adminKey: string | null
  /** Claims of the tokens that are made from it. */
  admin: AdminClaims
  /** Text and path of the plan, or null for one that is made here. */
  plan: { text: string; path: string } | null
  mode: 'plan' | 'apply'
  /** Where its signed state is kept; null for none. */
  state: StateChoice | null
}

/** @throws InputError `input-missing`, `input-invalid`, `file-missing` */
export async function readInputs(raw: RawInputs, ports: Ports): Promise<PublishInputs> {
  const kbsUrl = kbsIdentity(raw.required('kbs-url'), ports.roots.cwd)
  const mode = raw.choice('mode', ['plan', 'apply'])
  const adminKey = await raw.secret('admin-key')
  const embedded = kbsUrl.startsWith('embedded:')
  const [role, issuer, audience] = [raw.text('admin-role'), raw.text('admin-issuer'), raw.text('admin-audience')]
  const admin = adminClaims({ role, issuer, audience })
  const foreign = adminKey !== null ? 'admin-key' : isDeepStrictEqual(admin, usualClaims) ? null : 'admin-role'
  if (embedded && foreign !== null) {
    throw new InputError('input-invalid', `${foreign} was given, but an embedded KBS has its own`, {
      subject: foreign,
      remedy: `Leave \`${foreign}\` out.`,
    })
  }
  if (!embedded && mode === 'apply' && adminKey === null) {
    throw new InputError('input-missing', 'a KBS takes keys from its admin only', {
      subject: 'admin-key',
      remedy: 'Set `admin-key` to env:NAME or a file.',
    })
  }
  const state = await readStateChoice({
    reference: raw.text('signed-state'),
    key: await raw.secret('state-key'),
    publicKeys: raw.list('state-public-key').map((path) => raw.path('state-public-key', path)),
    signs: mode === 'apply',
  })
  const plan = raw.text('plan') === '' ? null : await planFile(raw.path('plan'))
  return { kbsUrl, adminKey, admin, mode, plan, state }
}

async function planFile(path: string): Promise<{ text: string; path: string }> {
  try {
    return { text: await readFile(path, 'utf8'), path }
  } catch (cause) {
    throw new InputError('file-missing', `plan: ${path} cannot be read`, {
      subject: 'plan',
      cause,
      remedy: 'Give the path of a plan file.',
    })
  }
}

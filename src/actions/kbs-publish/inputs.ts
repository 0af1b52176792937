import { readFile } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { kbsIdentity } from '../../kbs-server/connect.ts'
import type { RawInputs } from '../../doors/context.ts'

export interface PublishInputs {
  /** https URL, http on loopback, or `embedded:DIR`. */
  kbsUrl: string
  /** Private key or ready token; null for an embedded KBS, which has its own. */
  adminKey: string | null
  /** Text and path of the plan, or null for one that is made here. */
  plan: { text: string; path: string } | null
  mode: 'plan' | 'apply'
}

/** @throws InputError `input-missing`, `input-invalid`, `file-missing` */
export async function readInputs(raw: RawInputs, ports: Ports): Promise<PublishInputs> {
  const kbsUrl = kbsIdentity(raw.required('kbs-url'), ports.roots.cwd)
  const mode = raw.choice('mode', ['plan', 'apply'])
  const adminKey = await raw.secret('admin-key')
  const embedded = kbsUrl.startsWith('embedded:')
  if (embedded && adminKey !== null) {
    throw new InputError('input-invalid', 'admin-key was given, but an embedded KBS has its own', {
      subject: 'admin-key',
      remedy: 'Leave `admin-key` out.',
    })
  }
  if (!embedded && mode === 'apply' && adminKey === null) {
    throw new InputError('input-missing', 'a KBS takes keys from its admin only', {
      subject: 'admin-key',
      remedy: 'Set `admin-key` to env:NAME or a file.',
    })
  }
  return { kbsUrl, adminKey, mode, plan: raw.text('plan') === '' ? null : await planFile(raw.path('plan')) }
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

import type { KeyObject } from 'node:crypto'
import type { Clock } from '../base/ports.ts'
import { failure, type Failure } from './failure.ts'

/** Trustee allows a minute after `exp`; `nbf` and `iat` are not looked at. */
const leewaySeconds = 60

export interface AdminCheck {
  authorization: string | undefined
  /** Raw request target, which the role is checked against. */
  target: string
  /** Plugin paths answer with another error than policies and reference values. */
  plugin: boolean
}

/** Admits requests that bear a JWT of the admin key with `role: admin` (coco.md §1.3). */
export function adminGate(publicKey: KeyObject, clock: Clock): (check: AdminCheck) => Promise<void> {
  return async ({ authorization, target, plugin }) => {
    const refuse = (why: string): Failure =>
      plugin
        ? failure('AdminAuthInitialization', `failed to initialize [admin] configuration: ${why}`)
        : failure('AdminAuthAccess', `admin access denied for endpoint ${target.split('/')[3] ?? ''}: ${why}`)
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1]
    if (token === undefined) throw refuse('Failed to parse HTTP Auth Bearer header')
    const { compactVerify } = await import('jose')
    let claims: Record<string, unknown>
    try {
      const { payload } = await compactVerify(token, publicKey, { algorithms: ['ES256'] })
      claims = JSON.parse(Buffer.from(payload).toString('utf8')) as Record<string, unknown>
      const { exp, aud } = claims
      if (typeof exp !== 'number' || clock.now().getTime() / 1000 > exp + leewaySeconds) throw new Error('expired')
      if (aud !== undefined && aud !== 'KBS' && !(Array.isArray(aud) && aud.includes('KBS')))
        throw new Error('another audience')
    } catch {
      throw refuse('Admin access denied: Cannot verify token with any of the issuers')
    }
    const { role } = claims
    if (typeof role !== 'string') {
      const why = 'AdminAccessDenied { reason: "Missing required `role` claim in JWT" }'
      throw refuse(`Admin access denied: Failed to parse claims from token: ${why}`)
    }
    if (role !== 'admin') throw refuse(`Admin access denied: Role ${role} not allowed for path ${target}`)
  }
}

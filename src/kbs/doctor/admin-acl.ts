import type { Ports } from '../../base/ports.ts'
import type { AdminToken } from '../admin-token.ts'
import { call, failureOf, type KbsFailure } from '../call.ts'
import { fine, notProbed, type Finding } from './finding.ts'

/** Paths that roles are commonly allowed, one of which ends a rule whose last alternative is not anchored at its start. */
const endings = [
  '/kbs/v0/resource-policy',
  '/kbs/v0/attestation-policy',
  '/kbs/v0/reference-value',
  '/kbs/v0/resource/a/b/c',
  '/kbs/v0/resource/default/key/a',
]

/**
 * Whether a rule of the access list lets a role out of its paths. Trustee matches the rule to path and query together, and an alternative
 * (`^/kbs/a|/kbs/b$`) anchors each side once: whatever ends with `/kbs/b` passes (coco.md §12, ACL).
 *
 * @param name id of a reference value that does not exist: the probe reads, and writes nothing
 */
export async function probeAcl(url: string, token: AdminToken | null, name: string, ports: Ports): Promise<Finding> {
  const probe = 'admin-acl'
  if (token === null)
    return notProbed(probe, 'no admin credential was given', 'Give the credential of your publisher as `--admin-key`.')
  const read = async (query: string): Promise<KbsFailure> => {
    const headers = { authorization: `Bearer ${await token()}` }
    return failureOf(await call(ports, `${url}/kbs/v0/reference-value/${name}${query}`, { method: 'GET', headers }))
  }
  const plain = await read('')
  if (!isDenied(plain))
    return notProbed(probe, 'the role of this credential may read reference values, so no path is closed to it')
  if (!plain.detail.includes('not allowed for path'))
    return notProbed(probe, `the KBS does not accept this credential: ${plain.detail}`, 'Give one that it accepts.')
  for (const ending of endings) {
    const { name: refused } = await read(`?x=${ending}`)
    if (isDenied({ name: refused })) continue
    return {
      probe,
      standing: 'unsafe',
      found: `this role is refused a path, and gets it when "?x=${ending}" stands behind it: its rule has an alternative that is not anchored`,
      remedy: 'Write each rule of `allowed_endpoints` as ^/kbs/v0/(a|b)$, with the alternatives in parentheses.',
    }
  }
  return fine(
    probe,
    `this role is refused a path that is not its own, also with ${endings.length} usual endings behind it`,
  )
}

function isDenied({ name }: Pick<KbsFailure, 'name'>): boolean {
  return name === 'AdminAuthAccess' || name === 'AdminAuthInitialization'
}

import type { Check } from '../../base/check.ts'
import type { Certificate } from './certificate.ts'
import { basicConstraintsOid, keyUsageOid } from './extensions.ts'
import { Memo } from './memo.ts'
import { isSigned } from './signature.ts'
import { isWithin, windowReason } from '../../base/window.ts'

export interface ChainRules {
  /** SHA-256 fingerprints (lower-case hex) of the roots that count. A root in evidence counts only if it is one of them. */
  roots: ReadonlySet<string>
  at: Date
  /** Critical extensions that the caller judges itself. */
  understood?: ReadonlySet<string> | undefined
}

/** More than this is no chain of a TEE maker. */
const longest = 5

/**
 * Checks a chain, leaf first and root last (RFC 5280 §6.1 without policies and name constraints, whose extensions are critical and so
 * refused). Every step runs; the chain is good when each is `ok`.
 */
export function checkChain(chain: readonly Certificate[], { roots, at, understood }: ChainRules): Check[] {
  const root = chain.at(-1)
  const links = chain.slice(0, -1).map((child, i) => ({ child, parent: chain[i + 1] ?? child, below: i }))
  const authorities = chain.slice(1)
  const known = (oid: string) => oid === basicConstraintsOid || oid === keyUsageOid || (understood?.has(oid) ?? false)
  return [
    step('chain-length', chain.length >= 2 && chain.length <= longest, `${chain.length} certificates`),
    step(
      'root-pinned',
      root !== undefined && roots.has(root.fingerprint),
      `the root's SHA-256 is ${root?.fingerprint ?? 'not there'}`,
    ),
    every('chain-names', links, ({ child, parent }) =>
      child.issuer.equals(parent.subject) ? null : `${child.name} is not issued by the subject of ${parent.name}`,
    ),
    every('chain-signatures', [...links, ...(root === undefined ? [] : [{ child: root, parent: root }])], (link) =>
      isSignedBy(link.child, link.parent) ? null : `the signature of ${link.child.name} is not by ${link.parent.name}`,
    ),
    every('chain-authorities', authorities, ({ name, powers: { ca, usage } }) =>
      ca && usage?.certificates !== false ? null : `${name} may not sign certificates`,
    ),
    every('chain-leaf', chain.slice(0, 1), ({ name, powers: { ca } }) => (ca ? `${name} is an authority` : null)),
    every('chain-path-length', links, ({ parent, below }) =>
      parent.powers.pathLength !== null && below > parent.powers.pathLength
        ? `${parent.name} stands above ${below} authorities, its limit is ${parent.powers.pathLength}`
        : null,
    ),
    every('chain-validity', chain, ({ name, notBefore, notAfter }) =>
      isWithin({ notBefore, notAfter }, at) ? null : windowReason(name, { notBefore, notAfter }, at),
    ),
    every('chain-critical-extensions', chain, ({ name, extensions }) => {
      const foreign = [...extensions].find(([oid, { critical }]) => critical && !known(oid))
      return foreign === undefined ? null : `${name} has the critical extension ${foreign[0]}`
    }),
  ]
}

const signatures = new Memo<boolean>(256)

/** Whether a certificate bears the other one's signature. Fingerprints cover both whole: signed bytes, algorithm, signature and key. */
export function isSignedBy(child: Certificate, parent: Certificate): boolean {
  return signatures.get(`${child.fingerprint} ${parent.fingerprint}`, () =>
    isSigned(child.signed, child.algorithm, child.signature, parent.key),
  )
}

/** Ok when there is no reason against any of the items; otherwise the first reason. */
function every<T>(name: string, items: readonly T[], against: (item: T) => string | null): Check {
  const reasons = items.map(against).filter((reason) => reason !== null)
  return step(name, items.length > 0 && reasons.length === 0, reasons[0] ?? `${items.length} checked`)
}

function step(name: string, ok: boolean, why: string): Check {
  return { name, ok, why }
}

import type { Acceptance } from './policy/accept.ts'

/** A signature by a certificate that counts, with every identity of the policy that it fits. */
export interface CertificateFit {
  /** Whose signature it is: issuer and subject alternative name. */
  readonly by: string
  /** SPKI PEM of the key of the certificate. */
  readonly key: string
  /** Ids of the identities. */
  readonly ids: readonly string[]
  /** Lines of the policy that it needs. */
  readonly lacks: readonly Acceptance[]
  /** The earliest proven time of the signature; left out where nobody asks. */
  readonly at?: Date
}

/** Kinds of signatures of one signer that are told apart: policies tell a signer apart by a few claims at most. */
const mostKinds = 12

/**
 * Gives each identity at most one signature, and each signature at most one identity, so that as many identities as possible have signed: the order
 * of the policy does not count. Somebody who signs twice is still one party: signatures of one signer stand for several identities only where these
 * tell them apart, which is where no identity is fitted by both. Signatures that need no line of the policy come first.
 *
 * @returns the signature that stands for an identity, by its id
 */
export function assignParties(fits: readonly CertificateFit[]): Map<string, CertificateFit> {
  const units = [...Map.groupBy(fits, ({ by }) => by).values()].flatMap(unitsOf)
  const owner = new Map<string, CertificateFit>()
  const place = (unit: CertificateFit, tried: Set<string>): boolean => {
    for (const id of unit.ids) {
      if (tried.has(id)) continue
      tried.add(id)
      const other = owner.get(id)
      if (other !== undefined && !place(other, tried)) continue
      owner.set(id, unit)
      return true
    }
    return false
  }
  // Whoever has a place keeps one, so the signatures that lack nothing take as many as they can before others are placed.
  for (const unit of units.toSorted((a, b) => a.lacks.length - b.lacks.length)) place(unit, new Set())
  return new Map(
    [...owner].map(([id, { by }]) => [id, bestOf(fits.filter((fit) => fit.by === by && fit.ids.includes(id)))]),
  )
}

function bestOf([first, ...rest]: readonly CertificateFit[]): CertificateFit {
  if (first === undefined) throw new TypeError('an identity without a signature')
  return rest.reduce((best, one) => (one.lacks.length < best.lacks.length ? one : best), first)
}

/** What one signer may stand for: as many identities as there are signatures of which no two fit the same one. */
function unitsOf(fits: CertificateFit[]): CertificateFit[] {
  const kinds = [...Map.groupBy(fits, ({ ids }) => ids.toSorted().join('\n')).values()]
    .map(bestOf)
    .toSorted((a, b) => b.ids.length - a.ids.length)
    .slice(0, mostKinds)
  const apart = largestApart(kinds)
  return apart.map((one) => {
    // Another kind that overlaps with this one alone may be used in its place.
    const near = kinds.filter((kind) => apart.every((each) => overlap(each, kind) === (each === one)))
    return { ...one, ids: [...new Set([one, ...near].flatMap(({ ids }) => ids))], lacks: bestOf([one, ...near]).lacks }
  })
}

/** The largest choice of which no two overlap; among equals the one with the first. */
function largestApart([first, ...rest]: readonly CertificateFit[]): CertificateFit[] {
  if (first === undefined) return []
  const taken = [first, ...largestApart(rest.filter((one) => !overlap(one, first)))]
  const left = largestApart(rest)
  return taken.length >= left.length ? taken : left
}

function overlap(a: CertificateFit, b: CertificateFit): boolean {
  return a.ids.some((id) => b.ids.includes(id))
}

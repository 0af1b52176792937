import { sbomKinds, type StatementKind } from '../../statement/types.ts'
import type { ChildEvidence } from '../image-evidence.ts'
import { isForeign } from '../own-form.ts'
import { readClaims, signedBy, type Claim, type ReadClaim } from '../statements.ts'
import type { PinnedIdentities } from './identity-lines.ts'

/** What has to be named in place of the default list, and what of that is missing. */
export interface Shortened {
  kinds: StatementKind[]
  lacking: string[]
}

/** Statements that somebody who vouches for a manifest signed: its agent, else one of the given keys. */
export async function claimsOf(
  { subject, evidence }: ChildEvidence,
  keys: readonly string[],
  identities: PinnedIdentities | null,
): Promise<ReadClaim[]> {
  const { claims } = await readClaims(subject.store, subject.descriptor)
  const { digest } = subject.descriptor
  return claims.filter((claim) => {
    const isTheirs = identities?.signed(claim, digest) === true
    return (
      (isTheirs && evidence === null) ||
      (evidence === null ? keys : [evidence.key.pem]).some((pem) => signedBy(claim, pem))
    )
  })
}

/** Null where the image has what a policy asks for by default. Documents of other tools cannot be compared: they stand for nothing. */
export function statementsOf(
  children: readonly (readonly Claim[])[],
  evidence: boolean,
  byOthersBuilt: boolean,
): Shortened | null {
  const kindsOf = (claims: readonly Claim[]): Set<Claim['kind']> =>
    new Set(claims.filter((claim) => !isForeign(claim)).map(({ kind }) => kind))
  const [first = new Set<Claim['kind']>(), ...others] = children.map(kindsOf)
  // Of an index every manifest has to pass, so what one lacks cannot be asked for.
  const there = new Set([...first].filter((kind) => others.every((kinds) => kinds.has(kind))))
  const wanted: [string, StatementKind[]][] = [
    ...(byOthersBuilt ? [] : [['provenance', ['provenance']] satisfies [string, StatementKind[]]]),
    ['inventory', ['inventory']],
    ['SBOM', [...sbomKinds]],
  ]
  const lacking = wanted.filter(([, kinds]) => !kinds.some((kind) => there.has(kind))).map(([name]) => name)
  if (lacking.length === 0) return null
  const kinds = (['sign', 'provenance', 'inventory', ...sbomKinds] as const).filter((kind) => there.has(kind))
  // What an agent signed nothing of is no image of its own; a key's older signature stands for a `sign` statement.
  if (kinds.length === 0 && evidence) return null
  return { kinds: kinds.length === 0 ? ['sign'] : kinds, lacking }
}

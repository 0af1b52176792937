import type { DocumentPackage, SbomDocument } from '../documents/model.ts'
import { partyFact } from '../documents/parties.ts'
import type { Party } from '../model.ts'

/** What a reader makes of a party that a format's field holds. */
type Held = (party: Party) => Party | null
type Fact = [name: string, value: string]

/**
 * Parties of the document itself of which the fields of a format hold a part only.
 *
 * @param organizations how many organizations the format takes as authors
 */
export function documentParties(
  { authors, supplier, identity }: SbomDocument,
  held: Held,
  organizations = Infinity,
): Fact[] {
  const whole =
    authors.every((party) => isWhole(party, held)) &&
    authors.filter(({ kind }) => kind === 'organization').length <= organizations
  return [
    ...(whole ? [] : authors.map((party): Fact => [partyFact.author, textOf(party)])),
    ...packageParties({ supplier, producer: identity.producer }, held),
  ]
}

/** The same for one package. */
export function packageParties(holder: Pick<DocumentPackage, 'supplier' | 'producer'>, held: Held): Fact[] {
  return (['supplier', 'producer'] as const).flatMap((role): Fact[] => {
    const party = holder[role]
    return party === null || isWhole(party, held) ? [] : [[partyFact[role], textOf(party)]]
  })
}

function isWhole(party: Party, held: Held): boolean {
  const found = held(party)
  return found !== null && textOf(found) === textOf(party)
}

function textOf({ kind, name, email, url }: Party): string {
  return JSON.stringify({ kind, name, email, url })
}

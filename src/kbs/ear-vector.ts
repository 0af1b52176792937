import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'

/** The four tiers of an appraisal (draft-ietf-rats-ar4si §3.2). */
export type Tier = 'none' | 'affirming' | 'warning' | 'contraindicated'

/** One member of a trust vector, with what its number says. */
export interface TrustClaim {
  member: string
  value: number
  tier: Tier
  words: string
}

/** Values that mean the same for every member. */
const common: Readonly<Record<number, string>> = {
  [-1]: 'the verifier did not work',
  0: 'no claim is made',
  1: 'the evidence holds what the verifier did not expect',
  99: 'a cryptographic check failed',
}

/** Values of AR4SI by member, in our words. What is not here is told by its tier alone. */
const meanings: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'instance-identity': {
    2: 'a known instance that is not known to be compromised',
    96: 'a known instance that must not be trusted',
    97: 'an instance that nobody knows',
  },
  configuration: {
    2: 'an approved configuration',
    3: 'a configuration without known weaknesses',
    32: 'a configuration with known weaknesses',
    36: 'a configuration that cannot be supported or judged',
    96: 'a configuration that must not be trusted',
  },
  executables: {
    2: 'only approved programs run and were started',
    3: 'only approved programs were started at boot',
    32: 'approved programs with known weaknesses',
    33: 'programs that no reference value knows',
    96: 'programs that must not be trusted',
  },
  'file-system': {
    2: 'only approved files',
    32: 'files that no reference value knows',
    96: 'files that must not be trusted',
  },
  hardware: {
    2: 'genuine hardware with approved firmware',
    32: 'genuine hardware with known weaknesses',
    96: 'genuine hardware that must not be trusted',
    97: 'hardware or firmware that nobody knows',
  },
  'runtime-opaque': {
    2: 'memory is encrypted and nobody outside can read it',
    32: 'memory is isolated by software, not encrypted',
    96: 'memory can be read from outside',
  },
  'storage-opaque': {
    2: 'stored secrets are encrypted with keys of the hardware',
    32: 'stored secrets are encrypted with keys of software',
    96: 'stored secrets are not encrypted',
  },
  'sourced-data': {
    2: 'all data comes from attested sources',
    32: 'data comes from sources that are not attested',
    96: 'data comes from sources that must not be trusted',
  },
}

/** Members of a trust vector. Trustee has no answer to a policy that gives another one: its thread ends. */
export const vectorMembers: readonly string[] = Object.keys(meanings)

/** Whether it is a number of AR4SI's scale, which has 8 bits. */
export function isVectorValue(value: JsonValue): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= -128 && value <= 127
}

/** Tier of one value; the scale has 8 bits and is mirrored below zero. */
export function tierOf(value: number): Tier {
  const distance = value < 0 ? -1 - value : value
  if (value >= -1 && value <= 1) return 'none'
  if (distance < 32) return 'affirming'
  return distance < 96 ? 'warning' : 'contraindicated'
}

/** The appraisal of one device: `cpu0`, `gpu0` … */
export interface Submod {
  readonly name: string
  readonly status: string
  readonly cell: JsonObject
}

/** Appraisals of a token in the order of their names. A machine may have several processors and devices. */
export function submodsOf(claims: JsonObject): Submod[] {
  const submods = claims['submods']
  if (!isObject(submods)) return []
  return Object.entries(submods)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      const cell = isObject(value) ? value : {}
      return { name, cell, status: typeof cell['ear.status'] === 'string' ? cell['ear.status'] : 'none' }
    })
}

/** Worse is larger; a status that nobody knows is worst. */
const ranks: Readonly<Record<string, number>> = { affirming: 0, warning: 1, none: 2 }

/** The worst status among all devices, with the name of the device: a machine is as good as its worst part. */
export function worstStatus(claims: JsonObject): { name: string; status: string } {
  const rank = ({ status }: Submod): number => (Object.hasOwn(ranks, status) ? (ranks[status] ?? 3) : 3)
  const [first = { name: 'cpu0', status: 'none' }, ...others] = submodsOf(claims)
  return others.reduce((worst, one) => (rank(one) > rank({ cell: {}, ...worst }) ? one : worst), first)
}

/**
 * The trust vector of a token in a fixed order, members of other devices than cpu0 with the device's name before them. Trustee writes only the
 * members that its policy set: one that is missing is no claim, and is not made up here. A value that is no whole number of 8 bits is told as it
 * stands and counts as contraindicated.
 */
export function trustVector({ claims }: { readonly claims: JsonObject }): TrustClaim[] {
  return submodsOf(claims).flatMap(({ name, cell }) =>
    vectorOf(cell).map((one) => (name === 'cpu0' ? one : { ...one, member: `${name} ${one.member}` })),
  )
}

/** The trust vector of one appraisal. */
export function vectorOf(cell: JsonObject): TrustClaim[] {
  const vector = cell['ear.trustworthiness-vector']
  if (!isObject(vector)) return []
  return Object.entries(vector)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([member, value]) => claim(member, value))
}

function claim(member: string, value: JsonValue): TrustClaim {
  if (!isVectorValue(value)) {
    return { member, value: 99, tier: 'contraindicated', words: `${JSON.stringify(value)} is no value of this scale` }
  }
  const tier = tierOf(value)
  const own = Object.hasOwn(meanings, member) ? meanings[member]?.[value] : undefined
  return { member, value, tier, words: own ?? common[value] ?? `${tier} (${value})` }
}

import type { KeyObject } from 'node:crypto'
import type { Plan } from './plan-schema.ts'
import { publicJwk, sealSecret, vaultOf } from './sealed-secret.ts'

interface Entry {
  readonly uri: string
  readonly source: string
  readonly key: string
  readonly 'key-uri': string
  readonly admit: readonly unknown[]
}

/** A plan with the resources of its sealed secrets. */
export interface WithSealed {
  plan: Plan
  /** Public keys (JWK) by their URIs. */
  made: ReadonlyMap<string, Buffer>
  /** Sealed secrets by the URIs of what they stand for. */
  sealed: Readonly<Record<string, string>>
}

/**
 * The plan with the resources that its sealed secrets need: each secret, and the public keys that guests check them with. Whoever gets a secret gets its
 * key.
 *
 * @param keys private keys (EC P-256) by the sources that the plan names
 * @throws InputError `input-invalid` for another kind of key
 */
export function withSealedSecrets(plan: Plan, keys: ReadonlyMap<string, KeyObject>): WithSealed {
  const made = new Map<string, Buffer>()
  const sealed: Record<string, string> = {}
  for (const { uri, key, 'key-uri': keyUri } of plan['sealed-secrets']) {
    const signer = keys.get(key)
    if (signer === undefined) continue
    sealed[uri] = sealSecret(vaultOf(uri), keyUri, signer)
    made.set(keyUri, Buffer.from(JSON.stringify(publicJwk(signer, key))))
  }
  return { plan: withSealedResources(plan), made, sealed }
}

/** The same without the keys: what the plan then names, not what stands there. */
export function withSealedResources(plan: Plan): Plan {
  const resources: Plan['resources'] = []
  for (const { uri, source, 'key-uri': keyUri, admit } of plan['sealed-secrets']) {
    const common = { kind: 'workload' as const, overwrite: false }
    // A resource that stands on the KBS gets a rule; where the policy is its owner's, nothing is left to do for it.
    if (source !== 'kept' || plan['resource-policy'] === 'generate') resources.push({ ...common, uri, source, admit })
    const known = resources.find((one) => one.uri === keyUri)
    if (known === undefined) resources.push({ ...common, uri: keyUri, source: 'made', admit: [...admit] })
    else
      known.admit.push(
        ...admit.filter((one) => !known.admit.some((other) => JSON.stringify(other) === JSON.stringify(one))),
      )
  }
  return { ...plan, resources: [...plan.resources, ...resources] }
}

/** What is wrong with sealed secrets beside their form, in words of the plan. @param taken URIs of other entries @param left the resource policy is left to its owner */
export function sealedSecretProblems(entries: readonly Entry[], taken: readonly string[], left: boolean): string[] {
  const uris = entries.map(({ uri }) => uri)
  const places = new Map<string, string>()
  const torn = entries.filter(({ key, 'key-uri': place }) => {
    const known = places.get(place) ?? key
    places.set(place, known)
    return known !== key
  })
  return [
    ...uris.filter((one, n) => uris.indexOf(one) !== n).map((one) => `${one} is named twice`),
    ...torn.map((one) => `${one['key-uri']} has two keys`),
    ...uris.filter((one) => places.has(one)).map((one) => `${one} is both a secret and a key`),
    ...[...uris, ...places.keys()]
      .filter((one) => taken.includes(one))
      .map((one) => `${one} is named elsewhere in this plan`),
    ...entries.flatMap(({ uri, admit }) => {
      if (!left && admit.length === 0) return [`${uri} has no \`admit\`: nobody would get it`]
      return left && admit.length > 0 ? [`${uri}: \`admit\` has no effect where \`resource-policy\` is leave`] : []
    }),
  ]
}

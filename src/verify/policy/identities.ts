import { escapePattern, refPattern } from '../../base/ref-pattern.ts'
import { windowOf, type Window } from '../../base/window.ts'
import { wholePattern, type IdentityRule, type TextRule } from '../../bundle/identity.ts'
import { policyClaims, type PolicyIdentity } from './identities-schema.ts'

/** An identity that a policy names, with the time in which it counts. */
export interface NamedIdentity {
  rule: IdentityRule
  window: Window
}

/** The rules of a policy's `identities`. */
export function identityRules(identities: readonly PolicyIdentity[]): NamedIdentity[] {
  return identities.map((identity) => {
    const { name, issuer, san, 'san-pattern': pattern, claims = {} } = identity
    const rule: IdentityRule = {
      name,
      issuer,
      san: san === undefined ? wholePattern(pattern ?? '') : { exact: san },
      claims: {},
    }
    for (const [claim, of] of Object.entries(policyClaims)) {
      const wanted = Object.entries(claims).find(([one]) => one === claim)?.[1]
      if (wanted !== undefined) rule.claims[of] = claimRule(claim, wanted)
    }
    return { rule, window: windowOf(identity) }
  })
}

const host = 'https://github.com/'

/** Names without a scheme lie on github.com; refs may have patterns; a workflow without a ref may come from any. */
function claimRule(claim: string, wanted: string): TextRule {
  switch (claim) {
    case 'repository':
    case 'owner':
      return { exact: absolute(wanted) }
    case 'ref':
      return { pattern: refPattern(wanted), source: wanted }
    case 'workflow':
    case 'caller-workflow': {
      const [file = '', ...ref] = absolute(wanted).split('@')
      const refs = ref.length === 0 ? '.+' : refPattern(ref.join('@')).source.slice(1, -1)
      return { pattern: new RegExp(`^${escapePattern(file)}@${refs}$`, 'u'), source: wanted }
    }
    default:
      return { exact: wanted }
  }
}

function absolute(text: string): string {
  return text.includes('://') ? text : `${host}${text}`
}

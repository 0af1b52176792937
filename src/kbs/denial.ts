import { VerificationError } from '../base/errors.ts'
import { isObject, memberAt, textOf, type JsonObject, type JsonValue } from '../base/json.ts'
import { visible } from '../base/printable.ts'
import type { Technology } from '../base/technology.ts'
import { submodsOf, vectorOf } from './ear-vector.ts'
import { claimForms } from './measurement-form.ts'
import { registerPath } from './registers.ts'
import { measurementPath, usualAppraisal, type ResourceRule } from './rego/resource-policy.ts'

/** Characters that are shown of one claim: a measurement has 96. */
const shown = 130
const annotated = 'ear.veraison.annotated-evidence'

/** A denial with what the policy had before it, which the KBS does not say; any other error as it is. */
export function explained(error: Error, claims: JsonObject, rule?: Pick<ResourceRule, 'admit' | 'job'>): Error {
  if (!(error instanceof VerificationError)) return error
  const { subject, remedy, cause, code, message } = error
  const lines = seenBy(claims, rule).map((line) => `\n  ${line}`)
  return new VerificationError(code, `${message}. The policy compares this:${lines.join('')}`, {
    subject,
    remedy,
    cause,
  })
}

/**
 * What the token of a session says of the things that a resource policy of ours compares, a line each; where the plan's rule is known, also what it
 * admits instead. For a reader who was denied: the KBS gives no reason.
 *
 * @param claims claims of the token, as the KBS gave it
 */
export function seenBy(claims: JsonObject, rule?: Pick<ResourceRule, 'admit' | 'job' | 'appraisal'>): string[] {
  const submods = submodsOf(claims)
  if (submods.length === 0) return ['the token has no appraisal that a policy of ours could read']
  const lines = submods.map(({ name, status, cell }) => {
    const poor = vectorOf(cell).filter(({ tier }) => tier !== 'affirming')
    const why = poor.map(({ member, words }) => `${member}: ${words}`).join('; ')
    return `status of ${text(name)}: ${text(status)}${status === 'affirming' ? '' : `, must be affirming${why === '' ? '' : ` (${why})`}`}`
  })
  const cpu = submods.find(({ name }) => name === 'cpu0')
  const appraisal = cpu?.cell['ear.appraisal-policy-id']
  const counting = rule?.appraisal ?? usualAppraisal
  if (typeof appraisal !== 'string' || !counting.includes(appraisal))
    lines.push(compared('appraisal policy', appraisal, counting))
  const evidence = cpu === undefined ? undefined : cpu.cell[annotated]
  if (!isObject(evidence)) return lines
  const technology = technologyOf(evidence)
  const admitted = rule?.admit.find((one) => one.technology === technology)
  if (technology === null) lines.push('technology: none that our rules name')
  else {
    const wanted = admitted === undefined ? undefined : claimForms(technology, admitted.measurements)
    lines.push(compared(`${technology} measurement`, memberAt(evidence, measurementPath[technology]), wanted))
    for (const [name, values] of Object.entries(admitted?.registers ?? {}))
      lines.push(compared(name, memberAt(evidence, registerPath(technology, name)), values))
    if (rule !== undefined && admitted === undefined)
      lines.push(`technology: ${technology}; the plan admits ${rule.admit.map((one) => one.technology).join(', ')}`)
  }
  const initdata = admitted === undefined || admitted.initdata.length === 0 ? undefined : admitted.initdata
  lines.push(compared('init_data', evidence['init_data'], initdata))
  const job = memberAt(evidence, ['runtime_data_claims', 'job'])
  if (job === undefined && rule?.job !== null)
    lines.push(
      'job: none, because the token was made by handshake; a rule with a `job` needs a token of an Attestation Service (`trustee-url`)',
    )
  return lines
}

function compared(what: string, value: JsonValue | undefined, wanted?: readonly string[]): string {
  const found = value === undefined || value === null ? 'none' : text(textOf(value))
  if (wanted === undefined) return `${what}: ${found}`
  if (typeof value === 'string' && wanted.includes(value)) return `${what}: ${found}, as the plan admits`
  return `${what}: ${found}; the plan admits ${wanted.map(text).join(', ')}`
}

function technologyOf(evidence: JsonObject): Technology | null {
  const isTechnology = (name: string): name is Technology => Object.hasOwn(measurementPath, name)
  return Object.keys(evidence).find(isTechnology) ?? null
}

/** A foreign text, cut and on one line. */
function text(value: string): string {
  return visible(value.length > shown ? `${value.slice(0, shown)}…` : value)
}

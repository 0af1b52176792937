import { InputError } from '../base/errors.ts'
import { sha256 } from '../base/streams.ts'
import type { Plan } from './plan-schema.ts'

/** Digits of the image digest that `{digest}` stands for: 64 bits, so that two images of one product never meet by chance. */
const digits = 16

/** The value of `{run}`: the same in every step of a job, another one in every job. @param instance random name of the job's agent */
export function runName(instance: string): string {
  return sha256(instance).slice('sha256:'.length, 'sha256:'.length + digits)
}

/**
 * Fills `{digest}` and `{run}` in a recipient `kbs:///repository/type/tag`, so that each image gets a key under a path of its own. Other recipients
 * stay as they are.
 *
 * @param digest of the plain image, `sha256:` and hex digits
 */
export function fillRecipient(text: string, digest: string, run: string): string {
  if (!text.startsWith('kbs:')) return text
  const hex = digest.slice(digest.indexOf(':') + 1)
  return text.replaceAll('{digest}', hex.slice(0, digits)).replaceAll('{run}', run)
}

/** Whether a URI of a plan has a placeholder. */
export function hasPlaceholder(uri: string): boolean {
  return uri.includes('{digest}') || uri.includes('{run}')
}

/**
 * The plan with an entry for each key that its URIs with `{digest}` or `{run}` stand for.
 *
 * @param held URIs of the keys that the job's agent made
 * @param run value of `{run}`; null without an agent
 * @throws InputError `not-found` where the agent made no key for such a URI
 */
export function fillPlan(plan: Plan, held: readonly string[], run: string | null): Plan {
  const named = new Set(plan.resources.map(({ uri }) => uri))
  const resources = plan.resources.flatMap((one) => {
    if (!hasPlaceholder(one.uri)) return [one]
    const uris = fitting(formOf(one.uri, run ?? '{run}'), held, named)
    if (uris.length > 0) return uris.map((uri) => ({ ...one, uri }))
    throw new InputError('not-found', `resources: no key of this job fits ${one.uri}`, {
      subject: one.uri,
      remedy: 'Encrypt in this job first, with the same URI in `recipients`.',
    })
  })
  // Such a key would be given to the guests of both entries.
  const twice = resources.find(({ uri }, n) => resources.findIndex((one) => one.uri === uri) !== n)
  if (twice !== undefined)
    throw new InputError('file-invalid', `resources: two entries stand for ${twice.uri}`, {
      subject: twice.uri,
      remedy: 'Give each entry a form of its own, as kbs:///team/key/app-{digest}.',
    })
  return { ...plan, resources }
}

/**
 * The plan with an entry for each URI in `stands` that its placeholders stand for, whichever job wrote it.
 *
 * @returns the plan, and the URIs for which nothing stands; their entries are left out
 */
export function fillWritten(plan: Plan, stands: readonly string[]): { plan: Plan; missing: string[] } {
  const named = new Set(plan.resources.map(({ uri }) => uri))
  const missing: string[] = []
  const resources = plan.resources.flatMap((one) => {
    if (!hasPlaceholder(one.uri)) return [one]
    const uris = fitting(formInAnyJob(one.uri), stands, named)
    if (uris.length === 0) missing.push(one.uri)
    return uris.map((uri) => ({ ...one, uri }))
  })
  return { plan: { ...plan, resources }, missing }
}

/** URIs that fit, and are not named themselves. */
function fitting(form: RegExp, held: readonly string[], named: ReadonlySet<string>): string[] {
  return [...new Set(held)].filter((uri) => form.test(uri) && !named.has(uri)).sort()
}

/** Whether a URI without placeholders is one that a plan's URI stands for, in whatever job. */
export function isNamedBy(planned: string, uri: string): boolean {
  return formInAnyJob(planned).test(uri)
}

/** A run is named by as many hex digits as a digest. */
function formInAnyJob(uri: string): RegExp {
  return formOf(uri, '{digest}')
}

function formOf(uri: string, run: string): RegExp {
  const parts = uri.replaceAll('{run}', run).split('{digest}')
  return new RegExp(`^${parts.map((part) => part.replaceAll(/[.{}]/g, '\\$&')).join(`[0-9a-f]{${digits}}`)}$`)
}

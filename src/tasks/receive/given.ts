import { InputError } from '../../base/errors.ts'

/** The inputs of a step, as far as they are read here. */
interface Texts {
  /** Empty where nothing was given. */
  text(name: string): string
}

/**
 * Refuses an input that the chosen mode would ignore: whoever gives it expects that it counts.
 *
 * @param remedy what to do with the input of that name
 * @throws InputError `input-invalid`
 */
export function requireNone(
  inputs: Texts,
  mode: string,
  names: readonly string[],
  remedy: (name: string) => string,
): void {
  const given = names.find((name) => inputs.text(name) !== '')
  if (given === undefined) return
  const message = `\`${mode}\` and \`${given}\` were both given`
  throw new InputError('input-invalid', message, { subject: given, remedy: remedy(given) })
}

/** What a subscription says for each of its entries. */
export const perEntry = ['from', 'to', 'policy', 'policy-digest', 'tags', 'repositories', 'to-policy', 'include', 'exclude', 'class', 'environment', 'supersedes'] as const // prettier-ignore

/** Whether a subscription is given, which then says alone what goes where. @throws InputError `input-invalid` for an input that its entries have */
export function isSubscribed(inputs: Texts): boolean {
  const subscribed = inputs.text('subscription') !== ''
  if (subscribed) requireNone(inputs, 'subscription', perEntry, (name) => `Write \`${name}\` into its entries.`)
  return subscribed
}

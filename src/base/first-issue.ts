/** What a schema says of a value that it refuses; a ZodError has this form. */
interface Refusal {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]
}

/**
 * The first thing that a schema found wrong: later ones often follow from it.
 *
 * @param whole how the value itself is called, where no member of it is to blame
 * @returns `where`, members joined by dots, and `what` in the words of the schema
 */
export function firstIssue({ issues }: Refusal, whole: string): { where: string; what: string } {
  const [issue] = issues
  const where = issue?.path.map(String).join('.') ?? ''
  return { where: where === '' ? whole : where, what: issue?.message ?? 'it has an unknown form' }
}

import { z } from 'zod'

/** Makes the schema of an object: one that refuses unknown members, or one that ignores them. */
export type ObjectOf = <S extends z.ZodRawShape>(shape: S) => z.ZodObject<S>

/** How a schema is being built. */
export interface Form {
  object: ObjectOf
  /** A member that we always write. Readers accept its absence, because other tools may leave it out. */
  always: <T extends z.ZodType>(member: T) => T | z.ZodOptional<T>
  strict: boolean
}

/**
 * The two readings of one predicate schema. `strict` is what we write: a member that the schema does not name is refused. `tolerant` is what we
 * read: unknown members are ignored, as in-toto's monotonic rule asks of consumers, and known members are checked.
 */
export interface Forms<T> {
  readonly strict: z.ZodType<T>
  readonly tolerant: z.ZodType<T>
}

const strictForm: Form = { object: (shape) => z.strictObject(shape), always: (member) => member, strict: true }
const tolerantForm: Form = {
  object: (shape) => z.looseObject(shape),
  always: (member) => z.optional(member),
  strict: false,
}

/** Builds both readings from one description, so that they cannot drift apart, each when it is first needed: a run needs few of them. */
export function formsOf<T>(make: (form: Form) => z.ZodType<T>): Forms<T> {
  const once = (form: Form): (() => z.ZodType<T>) => {
    let made: z.ZodType<T> | null = null
    return () => (made ??= make(form))
  }
  const [strict, tolerant] = [once(strictForm), once(tolerantForm)]
  return {
    get strict() {
      return strict()
    },
    get tolerant() {
      return tolerant()
    },
  }
}

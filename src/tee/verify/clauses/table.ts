/** Where a check comes from, and what it looks at, in one line. */
export interface Clause {
  /** Document and section. */
  clause: string
  what: string
}

/** Clauses by check name, in the order of the verification. A name may hold one `*`: it stands for one or more characters. */
export type ClauseTable = Readonly<Record<string, readonly [clause: string, what: string]>>

/** The same entries with something put before each name. */
export function prefixed(prefix: string, table: ClauseTable): ClauseTable {
  return Object.fromEntries(Object.entries(table).map(([name, entry]) => [prefix + name, entry]))
}

import { contentTampers } from './content.ts'
import { evidenceTampers } from './evidence.ts'
import type { Tamper } from './kit.ts'
import { statementTampers } from './statements.ts'
import { timeTampers } from './time.ts'

/** Every tampering of the table, each with the reason for which it alone must be refused. */
export const tampers: readonly Tamper[] = [...statementTampers, ...evidenceTampers, ...timeTampers, ...contentTampers]

import type { Exception } from './types.ts'

/** Rows that are on one side only and are right to be. Each needs a reason of the closed list. */
export const exceptions: readonly Exception[] = []

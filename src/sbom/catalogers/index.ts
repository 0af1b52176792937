import type { Cataloger } from '../cataloger.ts'
import { npm } from './npm.ts'
import { systemCatalogers } from './os/index.ts'

/** All catalogers, in the order of their groups. */
export const catalogers: readonly Cataloger[] = [...systemCatalogers, npm]

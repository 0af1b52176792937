import type { Cataloger } from '../cataloger.ts'
import { declaredCatalogers } from './declared/index.ts'
import { languageCatalogers } from './language/index.ts'
import { systemCatalogers } from './os/index.ts'

/** All catalogers, in the order of their groups. */
export const catalogers: readonly Cataloger[] = [...systemCatalogers, ...languageCatalogers, ...declaredCatalogers]

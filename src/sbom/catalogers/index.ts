import type { Cataloger } from '../cataloger.ts'
import { binaryCatalogers } from './binary/index.ts'
import { declaredCatalogers } from './declared/index.ts'
import { languageCatalogers } from './language/index.ts'
import { systemCatalogers } from './os/index.ts'

/** All catalogers, group by group. */
export const catalogers: readonly Cataloger[] = [
  ...systemCatalogers,
  ...languageCatalogers,
  ...binaryCatalogers,
  ...declaredCatalogers,
]

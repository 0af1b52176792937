import type { Cataloger } from '../cataloger.ts'
import { dpkg } from './dpkg.ts'
import { languageCatalogers } from './language/index.ts'

/** All catalogers. */
export const catalogers: readonly Cataloger[] = [dpkg, ...languageCatalogers]

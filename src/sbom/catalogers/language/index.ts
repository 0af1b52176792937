import type { Cataloger } from '../../cataloger.ts'
import { npm } from './npm.ts'
import { python } from './python/index.ts'

/** What package managers of languages have installed. */
export const languageCatalogers: readonly Cataloger[] = [npm, python]

import type { Cataloger } from '../../cataloger.ts'

/** What lock files of source trees ask for. */
export const declaredCatalogers: readonly Cataloger[] = []

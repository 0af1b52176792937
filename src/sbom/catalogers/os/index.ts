import type { Cataloger } from '../../cataloger.ts'
import { dpkg } from './dpkg.ts'

/** Catalogers of operating systems: what their package managers installed. */
export const systemCatalogers: readonly Cataloger[] = [dpkg]

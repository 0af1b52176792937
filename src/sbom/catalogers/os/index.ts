import type { Cataloger } from '../../cataloger.ts'
import { apk } from './apk.ts'
import { dpkg } from './dpkg.ts'
import { rpm } from './rpm.ts'

/** Catalogers of operating systems: what their package managers installed. */
export const systemCatalogers: readonly Cataloger[] = [apk, dpkg, rpm]

import type { Cataloger } from '../cataloger.ts'
import { dpkg } from './dpkg.ts'
import { npm } from './npm.ts'

/** All catalogers, in the order of their names. */
export const catalogers: readonly Cataloger[] = [dpkg, npm]

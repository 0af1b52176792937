import type { Cataloger } from '../cataloger.ts'
import { binaryCatalogers } from './binary/index.ts'
import { dpkg } from './dpkg.ts'
import { npm } from './npm.ts'

/** All catalogers, group by group. */
export const catalogers: readonly Cataloger[] = [dpkg, npm, ...binaryCatalogers]

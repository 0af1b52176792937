import { join } from 'node:path'

/**
 * Folder in which Node keeps what it compiled of our sources (types stripped) for the processes that tests start. `dist/` keeps
 * none: what lies in such a folder runs in place of the program whose digest an agent states.
 */
export const compileCache = join(import.meta.dirname, '../node_modules/.cache/sealwright-test')

/** For the environment of a program of ours that is run from sources. */
export const compileCacheEnv = { NODE_COMPILE_CACHE: compileCache }

import type { Cataloger } from '../../cataloger.ts'
import { bun, bunBinary } from './javascript/bun.ts'
import { deno } from './javascript/deno.ts'
import { packageLock } from './javascript/package-lock.ts'
import { pnpm } from './javascript/pnpm.ts'
import { yarn } from './javascript/yarn.ts'
import { pipfile } from './python/pipfile.ts'
import { requirements, setupPy } from './python/requirements.ts'
import { pdm, poetry, uv } from './python/toml-locks.ts'

/** What lock files of source trees ask for. */
export const declaredCatalogers: readonly Cataloger[] = [
  packageLock,
  yarn,
  pnpm,
  bun,
  bunBinary,
  deno,
  requirements,
  setupPy,
  poetry,
  uv,
  pdm,
  pipfile,
]

import type { Cataloger } from '../../cataloger.ts'
import { cargo } from './cargo.ts'
import { composerLock } from './composer-lock.ts'
import { conanFile, conanLock, vcpkg } from './cpp.ts'
import { pubspec, pubspecLock } from './dart.ts'
import { gemfile, sourceGemspec } from './gemfile.ts'
import { goMod } from './go-mod.ts'
import { gradle } from './gradle.ts'
import { cabal, stack } from './haskell.ts'
import { mix, rebar } from './hex.ts'
import { bun, bunBinary } from './javascript/bun.ts'
import { deno } from './javascript/deno.ts'
import { packageLock } from './javascript/package-lock.ts'
import { pnpm } from './javascript/pnpm.ts'
import { yarn } from './javascript/yarn.ts'
import { julia } from './julia.ts'
import { pom } from './maven/index.ts'
import { nugetLock } from './nuget-lock.ts'
import { opam } from './opam.ts'
import { pipfile } from './python/pipfile.ts'
import { requirements, setupPy } from './python/requirements.ts'
import { pdm, poetry, uv } from './python/toml-locks.ts'
import { renv } from './renv.ts'
import { cocoapods, swift } from './swift.ts'
import { terraform } from './terraform.ts'

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
  goMod,
  cargo,
  gemfile,
  sourceGemspec,
  composerLock,
  nugetLock,
  gradle,
  pom,
  pubspecLock,
  pubspec,
  swift,
  cocoapods,
  mix,
  rebar,
  stack,
  cabal,
  conanLock,
  conanFile,
  vcpkg,
  opam,
  terraform,
  renv,
  julia,
]

import type { Cataloger } from '../../cataloger.ts'
import { composer } from './composer.ts'
import { conanInfo } from './conan.ts'
import { conda } from './conda.ts'
import { cpan } from './cpan.ts'
import { dotnet } from './dotnet.ts'
import { erlang } from './erlang.ts'
import { lua } from './lua.ts'
import { npm } from './npm.ts'
import { opamSwitch } from './opam.ts'
import { pear } from './pear.ts'
import { python } from './python/index.ts'
import { r } from './r.ts'
import { gem } from './ruby/index.ts'
import { swipl } from './swipl.ts'
import { wordpress } from './wordpress.ts'
import { yarnPnp } from './yarn-pnp.ts'

/** What package managers of languages have installed. */
export const languageCatalogers: readonly Cataloger[] = [
  npm,
  yarnPnp,
  python,
  gem,
  composer,
  pear,
  dotnet,
  r,
  conda,
  lua,
  erlang,
  wordpress,
  swipl,
  cpan,
  opamSwitch,
  conanInfo,
]

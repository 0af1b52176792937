import type { Cataloger } from '../../cataloger.ts'
import type { FoundPackage } from '../../model.ts'
import { opamPackage } from '../opam-package.ts'

/** OCaml packages that opam has installed into a switch. */
export const opamSwitch: Cataloger<FoundPackage> = {
  name: 'opam',
  kind: 'opam',
  finds: 'installed',
  match: { names: ['opam'] },
  wants: ({ path }) => (/(?:^|\/)\.opam-switch\/packages\/[^/]+\/opam$/.test(path) ? 1 << 20 : 0),
  read: ({ path }, content) => opamPackage('opam', path, content),
  finish: (facts) => ({ packages: [...facts].map(([path, found]) => ({ ...found, locations: [path] })) }),
}

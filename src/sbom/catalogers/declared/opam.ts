import { opamPackage } from '../opam-package.ts'
import { lockFile } from './lock.ts'

/** opam files of OCaml projects: the packages that they make. A copy of the whole repository of packages is none of them. */
export const opam = lockFile({
  name: 'opam-file',
  kind: 'opam',
  match: { names: ['opam'], extensions: ['opam'] },
  when: ({ path }) => !/(?:^|\/)(?:\.opam-switch|\.opam\/repo)\//.test(path),
  read: (content, { path }) => [opamPackage('opam-file', path, content)],
})

import { bundledDeps } from '../../binary/dotnet-bundle.ts'
import { isExecutable, wholeExecutable } from '../../binary/open.ts'
import type { Cataloger } from '../../cataloger.ts'
import { dotnet } from '../language/dotnet.ts'

type Deps = typeof dotnet extends Cataloger<infer Fact> ? Fact : never

/** NuGet packages of .NET applications that were published as one file: the `deps.json` within it. */
export const dotnetBundle: Cataloger<Deps> = {
  name: 'dotnet-bundle',
  kind: 'nuget',
  finds: 'installed',
  inPlace: true,
  sameAs: () => true,
  match: { any: isExecutable },
  wants: wholeExecutable,
  read: (file, content) => {
    const deps = bundledDeps(content)
    return deps === null ? null : dotnet.read({ ...file, name: `${file.name.replace(/\.exe$/i, '')}.deps.json` }, deps)
  },
  // The files that it brings lie within the program.
  finish: (facts, context) => {
    const { packages, gaps = [] } = dotnet.finish(facts, context)
    return { packages: packages.map((found) => ({ ...found, cataloger: 'dotnet-bundle' })), gaps }
  },
}

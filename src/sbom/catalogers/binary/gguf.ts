import { magics } from '../../magic.ts'
import { modelPackage, shortModel, stemOf } from '../../models/found.ts'
import { quantisationOf, readGguf, type Gguf } from '../../models/gguf.ts'
import type { Cataloger } from '../../cataloger.ts'

/** Vocabularies stand in the metadata: large models have some 20 MiB of them. */
const head = 64 << 20

/** Models in GGUF by their heads, under any name. */
export const gguf: Cataloger<Gguf> = {
  name: 'gguf',
  kind: 'model',
  finds: 'both',
  match: { extensions: ['gguf'], magics: [magics.gguf] },
  takesHead: true,
  wants: () => head,
  sameAs: () => true,
  read: ({ size }, content) => readGguf(content, size),
  finish: (facts) => ({
    packages: [...facts].map(([path, model]) => {
      const value = (key: string): string => model.values.get(`general.${key}`) ?? ''
      return modelPackage({
        cataloger: 'gguf',
        name: value('name') || stemOf(path),
        version: value('version'),
        licence: value('license'),
        url: value('repo_url') || value('source.repo_url') || value('url') || value('source.url'),
        locations: [path],
        properties: [
          ['format', `gguf ${model.version}`],
          ['architecture', value('architecture')],
          ['quantisation', quantisationOf(model)],
          ['parameters', model.parameters],
          ['tensors', model.tensors],
          ['author', value('author')],
          ['organization', value('organization')],
          ['size-label', value('size_label')],
          ['base-model', value('base_model.0.repo_url') || value('base_model.0.name')],
        ],
      })
    }),
    gaps: [...facts].flatMap(([path, model]) => shortModel(path, model)),
  }),
}

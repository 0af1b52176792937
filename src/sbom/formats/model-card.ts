import type { DocumentModel, SbomDocument } from '../documents/model.ts'

/** Members of a CycloneDX component that a model or a dataset has: what nobody said is left out. */
export function modelMembers(document: SbomDocument, refOf: (id: string) => string | undefined): object {
  const { identity, name } = document
  if (identity.type === 'data') return datasetMembers(identity.name ?? name)
  if (identity.type !== 'machine-learning-model') return {}
  const { task, family, architecture } = identity.model ?? ({} satisfies Partial<DocumentModel>)
  const datasets = relatedTo(document, 'trainedOn').flatMap((id) => refOf(id) ?? [])
  return {
    modelCard: {
      modelParameters: {
        ...(task === undefined ? {} : { task }),
        ...(family === undefined ? {} : { architectureFamily: family }),
        ...(architecture === undefined ? {} : { modelArchitecture: architecture }),
        ...(datasets.length === 0 ? {} : { datasets: datasets.map((ref) => ({ ref })) }),
      },
    },
  }
}

/** Of a component of type `data`. */
export function datasetMembers(name: string | null): object {
  return { data: [{ type: 'dataset', ...(name === null ? {} : { name }) }] }
}

/** Ids of what the subject is related to by a word of SPDX 3. */
export function relatedTo({ identity, relationships }: SbomDocument, word: string): string[] {
  return relationships.flatMap(({ from, to, type, detail }) =>
    from === identity.id && type === 'other' && detail === word ? [to] : [],
  )
}

import { packageKey } from '../ids.ts'
import type { ModelFacts } from '../subjects/model/facts.ts'
import type { Subject } from '../subjects/types.ts'
import { declaredLicence } from '../licence.ts'
import { emptyItem } from './empty.ts'
import type { DocumentIdentity, DocumentModel, DocumentPackage, DocumentRelationship } from './model.ts'

/** What the documents of a model or dataset say of it beside its name and digest. */
export function modelIdentity({ model }: Subject): Pick<DocumentIdentity, 'licence' | 'model'> {
  if (model === undefined) return { licence: null }
  const { architecture, family, task, languages, licence, properties } = model
  const { licence: expression } = declaredLicence(licence ?? '')
  const facts: DocumentModel = {
    ...(architecture === undefined ? {} : { architecture }),
    ...(family === undefined ? {} : { family }),
    ...(task === undefined ? {} : { task }),
    ...(languages === undefined || languages.length === 0 ? {} : { languages }),
    properties: [
      ...properties,
      ...(licence === undefined || expression !== null ? [] : [['licence', licence] satisfies [string, string]]),
    ],
  }
  const known = Object.keys(facts).length > 1 || facts.properties.length > 0
  return { licence: expression, ...(known ? { model: facts } : {}) }
}

/** Datasets and models that the card of a model names, in the words of SPDX 3. A card says their names and nothing else. */
export function namedByCard(
  { kind, model }: Subject,
  root: string,
): { packages: DocumentPackage[]; relationships: DocumentRelationship[] } {
  const facts: Partial<ModelFacts> = kind === 'model' ? (model ?? {}) : {}
  const named = [
    ...[...new Set(facts.datasets)].map((name) => ({ name, type: 'dataset', kind: 'data', detail: 'trainedOn' })),
    ...[...new Set(facts.baseModels)].map((name) => ({
      name,
      type: 'model',
      kind: 'machine-learning-model',
      detail: 'descendantOf',
    })),
  ]
  const idOf = ({ name, type }: { name: string; type: string }): string => `${type}-${packageKey(name)}`
  return {
    packages: named.map((item) => ({
      ...emptyItem(idOf(item), item.name),
      type: item.type,
      kind: item.kind,
      declaredUnknown: ['checksums', 'licence', 'supplier', 'version'],
    })),
    relationships: named.map((item) => ({ from: root, type: 'other', to: idOf(item), detail: item.detail })),
  }
}

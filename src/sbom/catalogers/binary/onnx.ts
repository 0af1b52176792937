import { modelPackage, shortModel, stemOf } from '../../models/found.ts'
import { readOnnx, type Onnx } from '../../models/onnx.ts'
import type { Cataloger } from '../../cataloger.ts'

/** The fields before the graph. */
const head = 64 << 10

/** Models in ONNX by their heads. */
export const onnx: Cataloger<Onnx> = {
  name: 'onnx',
  kind: 'model',
  finds: 'both',
  match: { extensions: ['onnx'] },
  takesHead: true,
  wants: () => head,
  sameAs: () => true,
  read: ({ size }, content) => readOnnx(content, size),
  finish: (facts) => ({
    packages: [...facts].map(([path, model]) =>
      modelPackage({
        cataloger: 'onnx',
        name: stemOf(path),
        version: model.modelVersion > 0 ? String(model.modelVersion) : '',
        licence: '',
        url: '',
        locations: [path],
        properties: [
          ['format', `onnx ${model.irVersion}`],
          ['producer', [model.producer, model.producerVersion].filter((each) => each !== '').join(' ')],
          ['domain', model.domain],
        ],
      }),
    ),
    gaps: [...facts].flatMap(([path, model]) => shortModel(path, model)),
  }),
}

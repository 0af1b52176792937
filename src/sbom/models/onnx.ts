import { malformed, View } from '../binary/view.ts'

export interface Onnx {
  irVersion: number
  producer: string
  producerVersion: string
  domain: string
  modelVersion: number
  /** Why the file cannot hold the graph that it announces; null where it can. */
  short: string | null
}

const longestText = 4096

/**
 * Reads the fields of an ONNX model that stand before its graph (onnx.proto, ModelProto): a protobuf message, whose writers keep the order of
 * field numbers.
 *
 * @param size bytes of the whole file
 * @throws VerificationError `format-invalid`
 */
export function readOnnx(head: Buffer, size: number = head.length): Onnx {
  const view = new View(head, true, 'ONNX')
  const model: Onnx = { irVersion: 0, producer: '', producerVersion: '', domain: '', modelVersion: 0, short: null }
  let at = 0
  while (at < view.length) {
    const tag = varint(view, at)
    const [field, kind] = [Math.floor(tag.value / 8), tag.value % 8]
    if (at === 0 && (field !== 1 || kind !== 0)) throw malformed('ONNX: a model begins with the version of its format')
    at = tag.next
    if (kind === 0) {
      const { value, next } = varint(view, at)
      if (field === 1) model.irVersion = value
      if (field === 5) model.modelVersion = value
      at = next
    } else if (kind === 2) {
      const { value: length, next } = varint(view, at)
      // The graph is the model itself; what follows it says nothing that we list.
      if (field >= 7) {
        if (next + length > size)
          model.short = `the model announces a graph that ends at byte ${next + length}, but the file has ${size} bytes`
        break
      }
      const text = length > longestText ? '' : view.slice(next, length).toString('utf8')
      if (field === 2) model.producer = text
      if (field === 3) model.producerVersion = text
      if (field === 4) model.domain = text
      at = next + length
    } else throw malformed(`ONNX: field ${field} has the unexpected kind ${kind}`)
  }
  if (model.irVersion < 1 || model.irVersion > 1000)
    throw malformed(`ONNX: format version ${model.irVersion} is not known`)
  return model
}

function varint(view: View, start: number): { value: number; next: number } {
  let value = 0
  for (let i = 0; i < 10; i++) {
    const byte = view.u8(start + i)
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, next: start + i + 1 }
  }
  throw malformed('ONNX: a number has more than ten bytes')
}

import { openSync, readSync } from 'node:fs'
import { layerDecoder } from '../src/image/inflate.ts'
import { inflateLimits } from '../src/image/inflate-limits.ts'

/** Decompresses one blob and does nothing else: no reader of the layer is done sooner. Usage: floor.ts gzip|zstd FILE */
const [kind, path] = process.argv.slice(2)
if ((kind !== 'gzip' && kind !== 'zstd') || path === undefined) throw new Error('usage: floor.ts gzip|zstd FILE')
const file = openSync(path, 'r')
const input = Buffer.alloc(1 << 20)
const output = Buffer.alloc(1 << 19)
const decoder = layerDecoder(kind, path, inflateLimits)
for (let length = readSync(file, input); length > 0; length = readSync(file, input)) {
  decoder.give(input.subarray(0, length))
  while (decoder.take(output, 0, output.length) === output.length);
}
decoder.end()

// Puts an image into a registry and reads it back; a process of its own, since Node.js reads NODE_EXTRA_CA_CERTS when it starts.
import { collect } from '../../src/base/streams.ts'
import { isIndex } from '../../src/oci/manifest.ts'
import { testPorts } from '../../testkit/ports.ts'
import { putImage, storeOf } from './store.ts'

const name = process.argv[2] ?? ''
const ports = testPorts()
try {
  const image = await putImage(storeOf(name, ports), 'layer', 'v1')
  // Several first requests at once.
  const store = storeOf(name, ports)
  const [found, tags] = await Promise.all([store.resolve({ tag: 'v1' }), store.tags(), store.hasBlob(image.digest)])
  const { content } = await store.getManifest(image.digest)
  if (isIndex(content)) throw new Error('an index')
  const config = await collect(await store.openBlob(content.config), 1 << 20, 'config')
  console.log(
    JSON.stringify({ same: found?.digest === image.digest, tags, config: config.length, hosts: ports.http.hosts() }),
  )
} catch (error) {
  console.log(
    JSON.stringify({ code: Object(error).code, message: Object(error).message, remedy: Object(error).remedy }),
  )
}

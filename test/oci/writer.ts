/** Child of the kill test: writes an image and its referrers into the layout named on its command line. */
import { makePorts } from '../../src/runner/make-ports.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { putImage, storeOf } from './store.ts'

const [, , dir] = process.argv
const ports = makePorts({ env: process.env, cwd: process.cwd() })
const store = storeOf(`oci:${dir}`, ports)
for (let i = 0; i < 3; i++) {
  const image = await putImage(store, `${i}`.repeat(1 << 18), `v${i}`)
  for (let k = 0; k < 6; k++) {
    await putArtifact(store, {
      artifactType: 'application/x-test',
      subject: image,
      layers: [{ mediaType: 'text/plain', bytes: Buffer.alloc(1 << 16, `${i}-${k}`) }],
    })
  }
}

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { peer, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { makeImage } from '../../image/make-image.ts'
import { application, debian } from '../fixture.ts'
import { documentsOf, run } from './run.ts'

withPeers(['skopeo'], 'archives that skopeo writes give the documents of the image', async () => {
  const { directory } = await makeImage([debian, application])
  const expected = documentsOf(await run({ image: `oci:${directory}` }))
  const folder = scratch('skopeo')
  for (const kind of ['oci-archive', 'docker-archive']) {
    const path = join(folder, `${kind}.tar`)
    execFileSync(peer('skopeo'), [
      'copy',
      '-q',
      '--insecure-policy',
      `oci:${directory}:latest`,
      `${kind}:${path}:app:1.0`,
    ])
    for (const image of [`${kind}:${path}`, `${kind}:${path}:app:1.0`, path])
      expect(documentsOf(await run({ image }))).toEqual(expected)
  }
})

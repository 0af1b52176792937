import { z } from 'zod'
import { manifestBytes } from '../../../src/oci/manifest.ts'
import { mediaTypes } from '../../../src/oci/types.ts'
import { makeIssuer } from '../../../testkit/chain.ts'
import { putSmallImage, smallFiles } from '../../../testkit/small-image.ts'
import { stranger, strangersKinds } from '../../../testkit/strangers.ts'
import { question, type Finished, type Kit, type Question } from '../../../testkit/tampers/kit.ts'

/** An attack of somebody who may push to the registry, or who wrote the policy. */
export interface Push {
  name: string
  expected: string
  prepare(kit: Kit): Promise<Question>
}

const policySchema = z.looseObject({ job: z.looseObject({}) })

export const pushes: readonly Push[] = [
  {
    name: 'index with a second image for the same platform',
    expected: 'index-unattested',
    prepare: async (kit) => {
      const found = await kit.small()
      await kit.forge(found)
      const evil = await putSmallImage(found.store, { ...smallFiles, 'app/index.js': 'evil()\n' }, 'evil')
      const platform = { os: 'linux', architecture: 'amd64' }
      const manifests = [evil, found.base.subject].map(({ mediaType, digest, size }) => ({
        ...{ mediaType, digest, size, platform },
      }))
      const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests })
      await found.store.putManifest(bytes, mediaTypes.index, { tag: 'both' })
      return { ...question(kit, found), image: `oci:${found.layout}:both` }
    },
  },
  {
    name: '1,008 junk referrers beside a good image',
    expected: 'accepted',
    prepare: async (kit) => {
      const found = await kit.small()
      await kit.forge(found)
      junk(found, 84)
      return question(kit, found)
    },
  },
  {
    name: 'junk of the same twelve kinds, and no evidence',
    expected: 'missing-statement',
    prepare: async (kit) => {
      const found = await kit.small()
      junk(found, 1)
      return question(kit, found)
    },
  },
  {
    name: 'policy that names the keys of another issuer',
    expected: 'token-invalid',
    prepare: async (kit) => {
      const found = await kit.small()
      await kit.forge(found)
      const { job } = policySchema.parse(JSON.parse(kit.policy(found.base)))
      return question(kit, found, { job: { ...job, jwks: makeIssuer().jwks } })
    },
  },
  {
    name: 'policy that is not the one whose digest is pinned',
    expected: 'policy-invalid',
    prepare: async (kit) => {
      const found = await kit.small()
      await kit.forge(found)
      return { ...question(kit, found), args: ['--policy-digest', `sha256:${'0'.repeat(64)}`] }
    },
  },
]

function junk({ layout, base }: Finished, each: number): void {
  const pusher = stranger(layout, base.subject)
  for (const make of Object.values(strangersKinds)) for (let i = 0; i < each; i++) make(pusher, base.subject, i)
  pusher.save()
}

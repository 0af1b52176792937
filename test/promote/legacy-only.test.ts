import { attachCosignSignature } from '../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { makeKey } from '../../testkit/chain.ts'
import { scratch } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { gatePolicy, open, place } from './support.ts'

test("an image that only cosign's older form vouches for is verified at the target by the copied tag", async () => {
  const publisher = makeKey()
  const from = `oci:${scratch()}`
  const subject = await putSmallImage(open(from), smallFiles)
  const payload = simpleSigningPayload({ dockerReference: 'registry.example/app', digest: subject.digest })
  const signature = await publisher.signer.sign(payload)
  await attachCosignSignature(open(from), subject, [{ payload, signature }])
  const policy = await gatePolicy(
    JSON.stringify({
      version: 1,
      'release-keys': [publisher.signer.publicKeyPem],
      statements: ['sign'],
      'accept-signature-only': true,
      'accept-not-rebuilt': true,
    }),
  )
  const { run } = await place()
  const to = `oci:${scratch()}`
  const done = await run(`${to}:prod`, { from: `${from}:latest`, policy })
  expect([done.source.reasons, done.target?.reasons, done.tagged]).toEqual([[], [], true])
  const without = await run(`oci:${scratch()}`, { from: `${from}:latest`, policy, exclude: ['.sig'] })
  expect([without.expected?.verified, without.target]).toEqual([false, null])
})

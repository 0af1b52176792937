import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonObject } from '../../src/base/json.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { runPeer } from '../../testkit/run-peer.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { startWorkingJob, stopJobs, type WorkingJob } from '../../testkit/working-job.ts'
import { cosigns } from './shell.ts'

// An image that its publisher signed with cosign, from a registry of theirs through one of the receiver to the receiver's gate.

const ports = testPorts()
const open = (reference: string): Store => openStore(parseReference(reference, '/'), ports)
const uri = 'kbs:///team/image-key/app'
afterAll(stopJobs)

/** What keeps cosign 3 from every public service. */
const signingConfig =
  '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}'

async function verdictOf(job: WorkingJob, image: string, text: string): Promise<Verdict> {
  const policy = join(job.ports.roots.cwd, 'policy.yml')
  writeFileSync(policy, text)
  const { outputs } = await job.run('verify-deploy', { image, policy, signer: 'none', enforce: 'warn' })
  return JSON.parse(readFileSync(outputs['verdict-path'] ?? '', 'utf8')) as Verdict
}

async function gatePolicy(job: WorkingJob, key: string, policy: Digest): Promise<string> {
  const { claims } = await job.client.status()
  return JSON.stringify({
    version: 1,
    job: {
      issuer: claims['iss'],
      jwks: (await (await fetch(`${String(claims['iss'])}/jwks`)).json()) as JsonObject,
      'repository-id': claims['repository_id'],
      workflow: '.github/workflows/publish.yml',
      refs: [claims['ref']],
      events: [claims['event_name']],
    },
    publisher: { 'release-keys': [key], 'verify-policies': [policy] },
    'accept-sample': true,
    'accept-not-rebuilt': true,
    'accept-unproven-time': true,
    'accept-unchecked-content': true,
  })
}

for (const [theirs, ours] of [
  ['docker', 'referrers'],
  ['referrers', 'docker'],
] as const) {
  withPeers(
    [registryPeers.docker, registryPeers.referrers, ...cosigns],
    `signed by cosign 2 and 3 at ${registryPeers[theirs]}, admitted, described and encrypted at ${registryPeers[ours]}`,
    async () => {
      const [publisher, receiver] = [await startRegistry(theirs), await startRegistry(ours)]
      const cwd = scratch('cosign')
      const cosign = async (name: (typeof cosigns)[number], ...args: string[]): Promise<void> => {
        const { code, output } = await runPeer(name, args, { cwd, env: { COSIGN_PASSWORD: 'secret' } })
        expect([code, code === 0 ? '' : output]).toEqual([0, ''])
      }
      try {
        await cosign('cosign3', 'generate-key-pair')
        writeFileSync(join(cwd, 'config.json'), signingConfig)
        const key = readFileSync(join(cwd, 'cosign.pub'), 'utf8')
        const receiving = JSON.stringify({
          version: 1,
          'release-keys': [key],
          statements: ['sign'],
          'accept-signature-only': true,
          'accept-not-rebuilt': true,
          'accept-unproven-time': true,
        })
        for (const name of cosigns) {
          const [from, to] = [`${publisher.host}/${name}/app`, `${receiver.host}/mirror/${name}`]
          const { digest } = await putSmallImage(open(from), smallFiles)
          const flags = name === 'cosign2' ? ['--tlog-upload=false'] : ['--signing-config', 'config.json']
          await cosign(
            name,
            'sign',
            '--key',
            'cosign.key',
            '--yes',
            '--allow-insecure-registry',
            ...flags,
            `${from}@${digest}`,
          )

          const job = await startWorkingJob({}, {}, false)
          const policy = join(job.ports.roots.cwd, 'receiving.yml')
          writeFileSync(policy, receiving)
          // The job verifies, copies and verifies the copy: that is what admits the image.
          const { outputs } = await job.run('promote', {
            from: `${from}@${digest}`,
            to: `${to}:v1`,
            policy,
            signer: 'none',
          })
          expect([outputs['promoted'], outputs['digest']]).toEqual(['true', digest])
          const admitted = JSON.parse(readFileSync(outputs['verdict-path'] ?? '', 'utf8')) as Verdict
          expect(admitted.reasons).toEqual([])
          await job.run('sbom', { image: `${to}@${digest}` })
          const kbs = `embedded:${join(job.ports.roots.cwd, 'kbs')}`
          await job.run('encrypt', { image: `${to}@${digest}`, recipients: uri, 'kbs-url': kbs })
          const gate = await gatePolicy(job, key, admitted.policy.digest)
          const other = await startWorkingJob({ run_id: '1002' }, {}, false)

          // Beside the plain image, where the publisher's signature lies already.
          const here = await job.run('sign-attest', {})
          const verdict = await verdictOf(other, here.outputs['image'] ?? '', gate)
          expect([name, verdict.reasons]).toEqual([name, []])
          expect(verdict.origin).toMatchObject({
            plain: digest,
            signers: expect.stringContaining('release key') as string,
          })

          // In another repository, to which it is carried, and where the plain image is not.
          const product = `${receiver.host}/product/${name}`
          const there = await job.run('sign-attest', { output: `${product}:v1` })
          expect((await verdictOf(other, there.outputs['image'] ?? '', gate)).reasons).toEqual([])
          expect(await open(product).resolve({ digest })).toBeNull()
        }
      } finally {
        await publisher.close()
        await receiver.close()
      }
    },
  )
}

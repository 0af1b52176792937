import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commitAll, snapshot } from './snapshot.ts'
import { startIssuer } from './oidc.ts'
import { runWorkflow } from './run.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { makePublisher, publisherSigns } from '../../testkit/foreign-image.ts'
import { root } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { claims } from './examples-policy.ts'

const workflow = 'examples/admit-foreign.yml'

test('an image of others is admitted, described, encrypted and launched by the example as it stands', async () => {
  const publisher = makePublisher()
  const place = `oci:${join(scratch('publisher'), 'layout')}`
  const store = openStore(parseReference(place, '/'), testPorts())
  const { digest } = await putSmallImage(store, smallFiles)
  await publisherSigns(store, digest, publisher)

  const issuer = await startIssuer()
  const lines: string[] = []
  try {
    const policies = scratch('policies')
    const keys = [publisher.signer.publicKeyPem]
    const accepted = { 'accept-not-rebuilt': true, 'accept-unproven-time': true }
    const receive = JSON.stringify({
      version: 1,
      'release-keys': keys,
      statements: ['sign'],
      'accept-signature-only': true,
      ...accepted,
    })
    const deploy = {
      version: 1,
      job: {
        issuer: issuer.url,
        jwks: issuer.jwks,
        'repository-id': claims.repository_id,
        workflow,
        refs: [claims.ref],
        events: ['workflow_dispatch'],
      },
      publisher: { 'release-keys': keys, 'verify-policies': [(await parsePolicy(receive, '/receive.yml')).digest] },
      'accept-sample': true,
      ...accepted,
    }
    writeFileSync(join(policies, 'receive.yml'), receive)
    writeFileSync(join(policies, 'deploy.yml'), JSON.stringify(deploy))
    execFileSync('git', ['-C', policies, 'init', '--quiet', '--initial-branch=main'])
    const commit = commitAll(policies)
    const chain = scratch('chain')
    await snapshot(root, chain)
    const folder = scratch('admit')
    const plan = join(folder, 'plan.yml')
    const key = 'kbs:///example/image-key/foreign'
    writeFileSync(
      plan,
      `version: 1\naccept-sample: true\nresources: [{uri: "${key}", source: agent, admit: [{technology: sample}]}]\n`,
    )
    const result = await runWorkflow({
      workflow,
      repository: chain,
      repositories: { 'example/policies': policies },
      directory: join(folder, 'run'),
      event: 'workflow_dispatch',
      inputs: {
        image: `${place}@${digest}`,
        output: `oci:${join(folder, 'app')}:latest`,
        technology: 'sample',
        'kbs-url': `embedded:${join(folder, 'kbs')}`,
        plan,
        'policy-repository': 'example/policies',
        'policy-commit': commit,
      },
      secrets: {},
      env: {},
      claims,
      node: process.execPath,
      issuer,
      show: (line) => lines.push(line),
    })
    if (result.result !== 'success') throw new Error(lines.slice(-40).join('\n'))
    const { verified, verdict: path = '', 'vsa-digest': summary } = result.jobs['deploy']?.outputs ?? {}
    expect([verified, summary]).toEqual(['true', expect.stringMatching(/^sha256:[0-9a-f]{64}$/)])
    const verdict = JSON.parse(readFileSync(path, 'utf8')) as Verdict
    expect(verdict.origin).toMatchObject({ plain: digest, signers: `the release key ${publisher.signer.hint}` })
    // The gate opened the image by the KBS and compared its content with the inventory of the job.
    expect(verdict.checks.find(({ id }) => id === 'content.inventory')?.status).toBe('passed')
    expect(lines.some((line) => line.includes('built by') && line.includes('admitted by'))).toBe(true)
  } finally {
    await issuer.close()
  }
}, 120_000)

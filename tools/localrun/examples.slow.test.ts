import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { claims, policyFor } from './examples-policy.ts'
import { startIssuer } from './oidc.ts'
import { runWorkflow } from './run.ts'
import { npmUnreachable } from '../../testkit/npm.ts'
import { root, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { danglingIn, shapeOf } from '../../testkit/layout.ts'

/** The examples, each with the file that defines its jobs: what the token names and a policy pins. */
const examples = [
  ['examples/one-step.yml', 'examples/one-step.yml'],
  ['examples/confidential-supply-chain.yml', 'examples/confidential-supply-chain.yml'],
  ['examples/reusable-workflow.yml', '.github/workflows/publish.yml'],
] as const

interface Verdict {
  verified: boolean
  reasons: string[]
  image: { digest: string; plainDigest: string | null }
  exceptions: string[]
}

interface Ran {
  image: string
  vsa: string
  verdict: Verdict
  lines: string[]
}

/** Runs an example through `dist/` with simulated evidence, the embedded builder and the embedded KBS. */
async function run(workflow: string, defining: string, folder: string, output: string): Promise<Ran> {
  const issuer = await startIssuer()
  const lines: string[] = []
  try {
    const policy = join(folder, 'policy.yml')
    writeFileSync(policy, policyFor(issuer, defining))
    const result = await runWorkflow({
      workflow,
      repository: root,
      directory: join(folder, 'run'),
      event: 'workflow_dispatch',
      inputs: {
        output,
        policy,
        technology: 'sample',
        builder: 'embedded',
        'kbs-url': `embedded:${join(folder, 'kbs')}`,
      },
      secrets: {},
      env: {},
      claims,
      node: process.execPath,
      issuer,
      show: (line) => lines.push(line),
    })
    if (result.result !== 'success') throw new Error(`${workflow} failed:\n${lines.slice(-40).join('\n')}`)
    const outputs = Object.assign({}, ...Object.values(result.jobs).map((job) => job.outputs)) as Record<string, string>
    expect(outputs['verified']).toBe('true')
    return {
      image: outputs['image'] ?? '',
      vsa: outputs['vsa-digest'] ?? '',
      verdict: JSON.parse(readFileSync(outputs['verdict'] ?? '', 'utf8')) as Verdict,
      lines,
    }
  } finally {
    await issuer.close()
  }
}

function expectAdmitted({ image, vsa, verdict }: Ran): void {
  expect(verdict).toMatchObject({
    verified: true,
    reasons: [],
    exceptions: ['accept-sample', 'accept-unproven-time'],
  })
  expect(verdict.image.plainDigest).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(image).toContain(verdict.image.digest)
  expect(vsa).toMatch(/^sha256:[0-9a-f]{64}$/)
}

interface Manifest {
  layers: { mediaType: string }[]
}

function expectEncrypted(manifest: Manifest): void {
  expect(manifest.layers.length).toBeGreaterThan(0)
  for (const layer of manifest.layers) expect(layer.mediaType).toMatch(/\+gzip\+encrypted$/)
}

const why = await npmUnreachable()
const title = 'the three examples admit one and the same image of a commit, encrypted, with a verification summary'
const overRegistry = 'the one-step example runs over a registry'
if (why !== null && process.env['SEALWRIGHT_REQUIRE_PEERS'] !== '1') {
  for (const name of [title, overRegistry]) {
    test.skip(`skipped: the npm registry is not reachable (${why}): ${name}`, () => {})
  }
} else {
  test(
    title,
    async () => {
      const digests: (string | null)[] = []
      for (const [index, [workflow, defining]] of examples.entries()) {
        const own = scratch(`examples-${index}`)
        const layout = join(own, 'app')
        const ran = await run(workflow, defining, own, `oci:${layout}:latest`)
        expectAdmitted(ran)
        const blob = join(layout, 'blobs', ran.verdict.image.digest.replace(':', '/'))
        expectEncrypted(JSON.parse(readFileSync(blob, 'utf8')) as Manifest)
        expect(existsSync(join(layout, 'blobs', ran.vsa.replace(':', '/')))).toBe(true)
        expect(shapeOf(layout).filter((line) => line.includes('verification_summary'))).toHaveLength(1)
        expect(await danglingIn(layout)).toEqual([])
        digests.push(ran.verdict.image.plainDigest)
        rmSync(own, { recursive: true, force: true, maxRetries: 3 })
      }
      expect(new Set(digests).size).toBe(1)
    },
    300_000,
  )

  withPeers(
    [registryPeers.referrers],
    overRegistry,
    async () => {
      const folder = scratch('examples-registry')
      const registry = await startRegistry('referrers')
      try {
        const [workflow, defining] = examples[0]
        const ran = await run(workflow, defining, folder, `${registry.host}/example/app:1.0`)
        expectAdmitted(ran)
        const { digest } = ran.verdict.image
        expect(ran.image).toBe(`${registry.host}/example/app:1.0@${digest}`)
        const accept = { accept: 'application/vnd.oci.image.manifest.v1+json' }
        const base = `http://${registry.host}/v2/example/app`
        expectEncrypted((await (await fetch(`${base}/manifests/1.0`, { headers: accept })).json()) as Manifest)
        const { manifests } = (await (await fetch(`${base}/referrers/${digest}`)).json()) as {
          manifests: { digest: string }[]
        }
        expect(manifests.map((each) => each.digest)).toContain(ran.vsa)
      } finally {
        await registry.close()
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
      }
    },
    180_000,
  )
}

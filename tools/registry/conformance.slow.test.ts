import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { accepted } from './conformance-skips.ts'
import { serveRegistry } from './server.ts'

const run = promisify(execFile)

interface Case {
  readonly name: string
  readonly status: string
}

/** Runs the whole suite of the specification against a registry with these quirks. */
async function judge(quirks: string, environment: Record<string, string>): Promise<readonly Case[]> {
  const registry = await serveRegistry({ quirks })
  const folder = scratch('conformance')
  try {
    const env = { OCI_REGISTRY: registry.host, OCI_TLS: 'disabled', OCI_RESULTS_DIR: folder, OCI_LOG: 'error' }
    // A failed case ends the program with 1; the report below says which it was.
    await run(peer('oci-conformance'), [], { cwd: folder, env: { ...env, ...environment } }).catch(() => {})
    const report = readFileSync(join(folder, 'junit.xml'), 'utf8')
    return [...report.matchAll(/<testcase name="([^"]*)"[^>]* status="([^"]*)"/g)].map(
      ([, name = '', status = '']) => ({
        name,
        status,
      }),
    )
  } finally {
    await registry.close()
  }
}

// The suite leaves cancelling out of the stable version.
const stable = { OCI_VERSION: '1.1', OCI_API_BLOBS_UPLOAD_CANCEL: 'true' }
const login = { OCI_USERNAME: 'user', OCI_PASSWORD: 's3cret-pass' }
const runs = [
  ['version 1.1', '', stable],
  ['the development version', '', { OCI_VERSION: '1.1+dev' }],
  ['manifests that name what is missing', 'sparse', { OCI_VERSION: '1.1+dev', OCI_DATA_SPARSE: 'true' }],
  ['minimum chunks', 'chunk-min=1024', { OCI_VERSION: '1.1+dev' }],
  ['tokens', 'token', { OCI_VERSION: '1.1+dev', ...login }],
  ['other spellings of what is allowed', 'no-mount,absolute-location,page=3,no-filter', stable],
] as const

for (const [title, quirks, environment] of runs) {
  withPeers(['oci-conformance'], `the conformance suite passes: ${title}`, async () => {
    const cases = await judge(quirks, environment)
    expect(cases.length).toBeGreaterThan(650)
    expect(cases.filter(({ status }) => status !== 'passed' && status !== 'skipped')).toEqual([])
    const skipped = new Set(cases.filter(({ status }) => status === 'skipped').map(({ name }) => name))
    expect(skipped).toEqual(new Set(Object.keys(accepted[title] ?? {})))
  })
}

withPeers(['oci-conformance'], 'the conformance suite finds what quirks break', async () => {
  const cases = await judge('oci-subject-lie,truncate,session-lost', { OCI_VERSION: '1.1' })
  const failed = cases.filter(({ status }) => status === 'failure').map(({ name }) => name)
  expect(failed.some((name) => name.includes('referrers'))).toBe(true)
  expect(failed.some((name) => name.includes('blob'))).toBe(true)
})

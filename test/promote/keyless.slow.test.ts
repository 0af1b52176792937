import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sigstorePeers, startLocalSigstore, type LocalSigstore } from '../../testkit/local-sigstore/start.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { actionRunner } from '../../testkit/working-job.ts'
import { place } from './support.ts'

/** A receiver whose record is signed keyless, and the policies that ask for it. */
let sigstore: LocalSigstore | null = null
afterAll(async () => sigstore?.close())

withPeers(
  [...sigstorePeers],
  'the record is signed keyless, counts by its identity, and is not signed again',
  async () => {
    sigstore = await startLocalSigstore()
    const { issuer, san, trustedRoot, signingConfigs } = sigstore
    const made = await place()
    const folder = scratch('promote-keyless')
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const policyBy = (name: string, who: string): string =>
      file(
        `${name}.yml`,
        JSON.stringify({
          ...(JSON.parse(made.policy.text) as object),
          'trusted-root': trustedRoot,
          promotions: [{ identities: [{ name: 'receiver', issuer: issuer.url, san: who }], 'max-age': '30d' }],
        }),
      )
    const run = actionRunner(testPorts({ env: { PATH: process.env['PATH'], ...issuer.env() } }), join(folder, 'state'))
    const given = {
      from: made.from,
      to: `oci:${join(folder, 'target')}:prod`,
      policy: file('policy.yml', made.policy.text),
      signer: 'keyless',
      'signing-config': signingConfigs['rekor-server'],
      'trusted-root': trustedRoot,
      class: 'archive',
      'in-production': '2025-01-01..2026-01-01',
    }
    const wrong = await run('promote', { ...given, 'to-policy': policyBy('wrong', `${san}x`) })
    expect([wrong.outputs['reasons'], wrong.outputs['promoted']]).toEqual(['claim-signer', 'false'])
    const right = await run('promote', { ...given, 'to-policy': policyBy('right', san) })
    expect([right.outputs['reasons'], right.outputs['promoted']]).toEqual(['', 'true'])
    // The record of the refused run was not attached; that of the second is found again by its identity.
    expect(wrong.outputs['record-digest']).toBe('')
    const again = await run('promote', { ...given, 'to-policy': policyBy('again', san) })
    expect(again.outputs['record-digest']).toBe(right.outputs['record-digest'])
    expect(right.outputs['public-key-path']).toBe('')
    expect(Object.fromEntries(right.report.facts)['Archive records']).toMatch(/\(added\)$/)
    expect(readFileSync(right.outputs['verdict-path'] ?? '', 'utf8')).toContain('"verified":true')
  },
)

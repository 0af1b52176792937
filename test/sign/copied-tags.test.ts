import { commandsFor } from '../../src/report/signing/commands.ts'
import type { SignAttestResult } from '../../src/tasks/sign/result.ts'

const digest = `sha256:${'a'.repeat(64)}` as const

/** Lines that copy a layout, after statements by one signer were attached. */
function copied(signers: readonly string[]): string[] {
  const receipt = { payloadDigest: digest, manifestDigest: digest, attached: true, subject: digest }
  const result = {
    published: { reference: { kind: 'layout', directory: '/out', digest }, descriptor: { digest }, tag: '1' },
    identity: 'localhost/out',
    receipts: signers.flatMap((signer) => [
      { ...receipt, kind: 'sign', signer },
      { ...receipt, kind: 'provenance', signer },
    ]),
    left: [],
    bundles: [],
    keyless: null,
    agent: null,
  } as unknown as SignAttestResult
  const groups = commandsFor(result, { key: 'k.pub', root: null }, ['cosign2', 'cosign3', 'coco'], 'key', false)
  return groups.find(({ title }) => title === 'Copy the layout to a registry')?.lines ?? []
}

test('the tag of attestations is copied where a key signed some, and not where an identity alone did', () => {
  const att = expect.stringContaining(`:sha256-${'a'.repeat(64)}.att`) as string
  expect(copied(['key'])).toEqual([expect.stringContaining('/out:1'), att])
  expect(copied(['keyless'])).toEqual([expect.stringContaining('/out:1')])
  expect(copied(['key', 'keyless'])).toEqual([expect.stringContaining('/out:1'), att])
})

import { createHash } from 'node:crypto'
import { checkCcel } from '../../../src/tee/verify/tdx/logs.ts'
import { Steps } from '../../../src/tee/verify/steps.ts'
import { tpmVerifier } from '../../../src/tee/verify/tpm/verifier.ts'
import { replayIma, parseIma } from '../../../src/tee/eventlog/ima.ts'
import { contextAt } from '../../../testkit/verify-context.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { bytesOf, syntheticQuote } from '../../../testkit/tee/tpm/vectors.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

test('a CCEL without SHA-384 is refused', () => {
  const data = Buffer.concat([
    Buffer.from('Spec ID Event03\0', 'latin1'),
    Buffer.from('0000000000020200010000000b00200000', 'hex'),
  ])
  const head = Buffer.alloc(32)
  head.writeUInt32LE(3, 4)
  head.writeUInt32LE(data.length, 28)
  const steps = new Steps()
  expect(checkCcel(Buffer.concat([head, data, Buffer.alloc(8, 0xff)]), {}, steps)).toBeNull()
  expect(steps.checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['event-log-digests'])
})

const ima = 'tee/tpm/qemu-ovmf-uki/run2/ima_binary.bin'
withPeers([`vectors:${ima}`], 'a file under an unknown template name is counted, not lost', async () => {
  const good = bytesOf(ima)
  const value = replayIma(parseIma(good), 'sha256')['own-hash']
  const pcrs = [...Array(24).keys()].map((pcr) => (pcr === 10 ? value : Buffer.alloc(32, pcr)))
  const facts = (log: Buffer) => {
    const bound = createHash('sha384').update('x').digest()
    const taken = syntheticQuote(bound.subarray(0, 32), { pcrs })
    const verdict = tpmVerifier.verify(
      { ...taken, documents: { 'ima-log': log.toString('base64') } },
      bound,
      contextAt('2026-01-01T00:00:00Z', { tpm: { acceptSoftwareTpm: true } }),
    )
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    return [(factsJson(verdict)['imaFiles'] as unknown[]).length, factsJson(verdict)['imaUnread']]
  }
  const renamed = Buffer.from(good)
  renamed.write('imx-', good.indexOf('ima-'))
  const [files] = facts(good)
  expect(facts(good)).toEqual([files, 0])
  expect(facts(renamed)).toEqual([Number(files) - 1, 1])
  await Promise.resolve()
})

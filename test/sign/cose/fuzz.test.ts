import { VerificationError } from '../../../src/base/errors.ts'
import { judgeReceipts } from '../../../src/log/scitt/verify.ts'
import { readServiceKeys } from '../../../src/log/scitt/services.ts'
import { readStatement } from '../../../src/log/scitt/statement.ts'
import { readChain } from '../../../src/sign/cose/x509.ts'
import { parseSign1 } from '../../../src/sign/cose/sign1.ts'
import { readNotation } from '../../../src/sign/notation/attach.ts'
import { readNotationPayload } from '../../../src/sign/notation/payload.ts'
import { mutate } from '../../../testkit/mutate.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { Random } from '../../../testkit/random.ts'
import { cose, coseFiles } from './vectors.ts'

const inputs = 4000

/** Reads changed vectors; anything but a value or a refusal is a crash. */
function fuzz(
  name: string,
  paths: readonly string[],
  read: (bytes: Buffer) => unknown,
): { read: number; refused: number } {
  const seeds = paths.map(cose)
  const random = new Random(1, name)
  const tally = { read: 0, refused: 0 }
  for (let n = 0; n < inputs; n++) {
    const bytes = mutate(random.pick(seeds), random.pick(seeds), random)
    try {
      read(bytes)
      tally.read += 1
    } catch (error) {
      if (!(error instanceof VerificationError)) throw new Error(`input ${n} of ${name}`, { cause: error })
      tally.refused += 1
    }
  }
  return tally
}

withPeers(
  ['vectors:cose/cosesign1go', 'vectors:cose/transmute'],
  'changed statements and receipts never crash a reader',
  () => {
    const paths = [
      ...coseFiles('cosesign1go/**/*.cose'),
      ...coseFiles('transmute/*.scitt'),
      ...coseFiles('scitt-cose/**/*.cose'),
    ]
    const keys = readServiceKeys(cose('cosesign1go/pkg/cosesign1/esrp_cp_ledger_pub_keys.json'), 'keys')
    const service = { name: 'ledger', issuer: null, keys, entry: 'statement' as const }
    const tally = fuzz('statements', paths, (bytes) => {
      const message = parseSign1(bytes, 'it')
      judgeReceipts(message, [service])
      readChain(message)
      return readStatement(bytes, 'it')
    })
    expect(tally.refused).toBeGreaterThan(inputs / 4)
    expect(tally.read).toBeGreaterThan(inputs / 50)
    return Promise.resolve()
  },
)

withPeers(['vectors:cose/notation-go'], 'changed envelopes of Notation never crash a reader', () => {
  const stamped = 'notation-go/verifier/testdata/timestamp/sigEnv'
  for (const format of ['cose', 'jws'] as const) {
    const paths = [`${stamped}/${format}WithTimestamp.sig`, `${stamped}/${format}ExpiredWithTimestamp.sig`]
    const tally = fuzz(format, paths, (bytes) => {
      const { payload } = readNotation(bytes, format, 'it')
      return readNotationPayload(payload, 'it')
    })
    expect(tally.refused).toBeGreaterThan(inputs / 10)
    expect(tally.read).toBeGreaterThan(inputs / 50)
  }
  return Promise.resolve()
})

import { InternalError, SealwrightError } from '../../../src/base/errors.ts'
import { activateCredential } from '../../../src/tee/tpm/activate.ts'
import { withAttestationKey } from '../../../src/tee/tpm/attestation.ts'
import { pcrBanks, tpmMaker } from '../../../src/tee/tpm/capability.ts'
import { makeCredential } from '../../../src/tee/tpm/credential.ts'
import { endorsement } from '../../../src/tee/tpm/endorsement.ts'
import { readPublic, withPrimary } from '../../../src/tee/tpm/keys.ts'
import { nvDefine, nvRead, nvWrite } from '../../../src/tee/tpm/nv.ts'
import { quoteWithValues } from '../../../src/tee/tpm/quote.ts'
import { endorsementTemplate } from '../../../src/tee/tpm/templates.ts'
import { Tpm } from '../../../src/tee/tpm/tpm.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { withSwtpm } from '../../../testkit/tee/tpm/with-swtpm.ts'

const quiet = { warn: () => {} }
const index = 0x01400002

/** What collectors and commands do with a TPM, each as one conversation. */
const conversations: Record<string, (tpm: Tpm) => Promise<unknown>> = {
  banks: pcrBanks,
  maker: tpmMaker,
  nv: (tpm) => nvRead(tpm, index),
  endorsement: (tpm) => endorsement(tpm, quiet),
  quote: (tpm) =>
    withAttestationKey(tpm, quiet, async ({ key }) => {
      await readPublic(tpm, key.handle)
      return quoteWithValues(tpm, key.handle, Buffer.alloc(32, 1), 'sha256')
    }),
  activation: (tpm) =>
    withPrimary(tpm, 'endorsement', endorsementTemplate('ecc'), (ek) =>
      withAttestationKey(tpm, quiet, ({ key }) => {
        const credential = makeCredential(ek.area, key.public.name, Buffer.alloc(32, 2))
        return activateCredential(tpm, key.handle, ek.handle, credential)
      }),
    ),
}

/** Gives recorded answers, one of them changed, and the last one for ever. */
function replayed(answers: readonly Buffer[], at: number, changed: Buffer): Tpm {
  let n = 0
  const exchange = async (): Promise<Buffer> => {
    const place = Math.min(n++, answers.length - 1)
    return place === at ? changed : (answers[place] ?? Buffer.alloc(0))
  }
  return new Tpm({ name: 'recorded', exchange, close: async () => {} }, { sleep: async () => {} })
}

withPeers(
  ['swtpm', 'tpm2'],
  'answers cut at any byte or with a bit of any byte flipped give a value or an error that says so, never a crash',
  () =>
    withSwtpm(async (tpm) => {
      await tpm.use(async (open) => {
        await nvDefine(open, index, 64)
        await nvWrite(open, index, Buffer.alloc(64, 5))
      })
      let cases = 0
      for (const [name, talk] of Object.entries(conversations)) {
        const answers: Buffer[] = []
        await tpm.use((open) => {
          const exchange = async (command: Buffer): Promise<Buffer> => {
            const answer = await open.transport.exchange(command)
            answers.push(Buffer.from(answer))
            return answer
          }
          return talk(new Tpm({ name, exchange, close: async () => {} }, tpm.ports.clock))
        })
        for (const [at, answer] of answers.entries()) {
          const changes = [
            ...Array.from({ length: answer.length }, (_unused, length) => answer.subarray(0, length)),
            // One bit of each byte, another one each time: every bit of all answers takes half a minute, and was tried.
            ...Array.from({ length: answer.length }, (_unused, byte) => {
              const bytes = Buffer.from(answer)
              bytes[byte] = (bytes[byte] ?? 0) ^ (1 << ((byte * 3 + at) & 7))
              return bytes
            }),
          ]
          for (const changed of changes) {
            cases++
            const thrown = await talk(replayed(answers, at, changed)).then(
              () => null,
              (error: unknown) => error,
            )
            if (thrown === null) continue
            const expected = thrown instanceof SealwrightError && !(thrown instanceof InternalError)
            if (!expected) throw new Error(`${name}, answer ${at}: ${changed.toString('hex')}`, { cause: thrown })
          }
        }
      }
      expect(cases).toBeGreaterThan(3000)
    }),
  240_000,
)

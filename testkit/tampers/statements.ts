import { sha256 } from '../../src/base/streams.ts'
import { roles } from '../../src/journal/event.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { makeStatement } from '../../src/statement/statement.ts'
import { at, changed, makeKey } from '../chain.ts'
import { forged, question, type Tamper } from './kit.ts'

const otherDigest = sha256('another image') as `sha256:${string}`

/** Statements and signatures that are wrong, over evidence that is right. */
export const statementTampers: Tamper[] = [
  forged('wrong key', 'signature-invalid', () => {
    const other = makeKey()
    return { forgeWith: (kind) => (kind === 'provenance' ? other : null) }
  }),
  {
    name: 'release key that the policy does not pin',
    reason: 'signature-invalid',
    prepare: async (kit) => {
      const found = await kit.finished()
      await kit.forge(found)
      return question(kit, found, { 'release-keys': [makeKey().signer.publicKeyPem] })
    },
  },
  forged('statement of another subject', 'subject-mismatch', () => ({
    payload: (kind, payload) =>
      kind === 'rebuild'
        ? makeStatement('rebuild', { digest: otherDigest }, JSON.parse(payload.toString('utf8')).predicate)
        : payload,
  })),
  forged('predicate type confusion', 'predicate-mismatch', () => ({
    declare: (kind) => predicateTypes[kind === 'rebuild' ? 'spdx' : kind],
  })),
  forged('payload journaled as another type', 'predicate-mismatch', () => ({
    events: (events) =>
      events.map((event) =>
        event.result['predicateType'] === predicateTypes.rebuild
          ? { ...event, result: { predicateType: predicateTypes.vsa } }
          : event,
      ),
  })),
  forged('statement not sealed', 'unsealed', () => ({ unsealed: (kind) => kind === 'provenance' })),
  forged('required statement taken away', 'missing-statement', () => ({ kinds: (kind) => kind !== 'inventory' })),
  forged('provenance for an image that was only an input', 'role-mismatch', ({ base }) => ({
    // The build made something else; this image was only described or encrypted.
    events: (events) =>
      events.map((event) =>
        event.kind === 'build'
          ? {
              ...event,
              outputs: event.outputs.map((item) =>
                item.digest === base.plain ? { ...item, digest: otherDigest } : item,
              ),
            }
          : event,
      ),
  })),
  forged('SBOM file not made in the job', 'role-mismatch', () => ({
    events: (events) =>
      events.map((event) =>
        event.kind === 'sbom'
          ? {
              ...event,
              outputs: event.outputs.map((item) =>
                item.role === roles.spdx ? { ...item, digest: otherDigest } : item,
              ),
            }
          : event,
      ),
  })),
  forged('builder id above what was verified', 'builder-mismatch', () => ({
    payload: (kind, payload) =>
      kind === 'provenance'
        ? changed(payload, (predicate) => {
            at(predicate, 'runDetails', 'builder')['id'] = 'https://sealwright.dev/builder/v1/snp/agent-exclusive'
          })
        : payload,
  })),
  forged('source of another commit than the job’s', 'source-mismatch', () => ({
    payload: (kind, payload) =>
      kind === 'provenance'
        ? changed(payload, (predicate) => {
            at(predicate, 'buildDefinition', 'internalParameters', 'source')['commit'] = 'd'.repeat(40)
          })
        : payload,
  })),
]

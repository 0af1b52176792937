import { isObject, textOf } from '../../base/json.ts'
import { encryptedSubject } from '../encrypted.ts'
import { buildsOf, plainForms, recordsOf } from '../journal-roles.ts'
import { roles } from '../../journal/event.ts'
import { failed, passed, skipped, unlessAccepted, type Step } from '../step.ts'

/** TRUST §5.9: `same-job` says only "consistent". */
export const rebuildSteps: Step[] = [
  {
    id: 'rebuilds.count',
    clause: 'TRUST §5.9',
    needs: ['key'],
    run: (gate) => {
      const claim = gate.mine.find(({ kind }) => kind === 'rebuild')
      if (claim === undefined) {
        return unlessAccepted(
          gate,
          'accept-not-rebuilt',
          'missing-statement',
          'no statement says that the image was rebuilt',
        )
      }
      const { rebuilds, image, independence } = claim.statement.predicate
      const { count, matched } = isObject(rebuilds) ? rebuilds : {}
      if (typeof count !== 'number' || typeof matched !== 'number' || matched !== count) {
        return failed(
          'not-reproducible',
          `${textOf(matched)} of ${textOf(count)} rebuilds gave the same image`,
          claim.manifest,
        )
      }
      const of = isObject(image) ? image['manifest'] : undefined
      const events = (gate.found.journal ?? []).slice(0, gate.found.sealed)
      if (
        gate.found.journal !== null &&
        !plainForms(events, gate.subject.descriptor.digest, encryptedSubject(gate)).includes(textOf(of))
      ) {
        return failed('role-mismatch', `the rebuilt image is ${textOf(of)}, not this one`, claim.manifest)
      }
      const builds = buildsOf(events, gate.subject.descriptor.digest, encryptedSubject(gate))
      const records = recordsOf(claim)
      const made = builds.filter((event) =>
        event.outputs.some(({ role, digest }) => role === roles.buildRecord && records.includes(digest)),
      )
      if (gate.found.journal !== null && !made.some(({ result }) => result['rebuilds'] === count)) {
        const [other] = made
        return failed(
          'role-mismatch',
          other === undefined
            ? `the rebuilds are of the build record ${records.join(', ')}, which no build of this image has`
            : `the statement says ${count} rebuild(s), the journal ${textOf(other.result['rebuilds'])}`,
          claim.manifest,
        )
      }
      if (matched < gate.policy.rebuilds) {
        return unlessAccepted(
          gate,
          'accept-not-rebuilt',
          'not-reproducible',
          `${matched} rebuild(s), the policy wants ${gate.policy.rebuilds}`,
          claim.manifest,
        )
      }
      if (independence !== 'same-job') return skipped(`rebuilds of the kind ${textOf(independence)} are not known here`)
      return passed(`consistent: ${matched} rebuild(s) of the same job gave the same image`, claim.manifest)
    },
  },
]

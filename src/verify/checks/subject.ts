import { formatPlatform, samePlatform } from '../../image/platforms.ts'
import { subjectInWords } from '../../statement/statement.ts'
import { neededKinds } from '../required.ts'
import { failed, passed, skipped, type Step } from '../step.ts'

/** TRUST §5.1: the digest, the platform's child, each statement's own subject and type. */
export const subjectSteps: Step[] = [
  {
    id: 'subject.image',
    clause: 'TRUST §5.1',
    needs: [],
    run: ({ subject }) => {
      if (subject.error !== null) return failed(subject.error.code, subject.error.message, subject.descriptor.digest)
      const { image, wanted } = subject
      // The platform of an index is the pusher's word, and a single manifest has none: only the configuration says what runs.
      if (image !== null && wanted !== null && !samePlatform(image.platform, wanted)) {
        const why = `the image is ${formatPlatform(image.platform)}, ${formatPlatform(wanted)} was asked for`
        return failed('subject-mismatch', why, subject.descriptor.digest)
      }
      const platform = image === null ? '' : ` for ${image.platform.os}/${image.platform.architecture}`
      return passed(`manifest and configuration${platform} are what the digest says`, subject.descriptor.digest)
    },
  },
  {
    id: 'subject.readable',
    clause: 'TRUST §5.1',
    needs: [],
    run: ({ broken, key }) => {
      // What a stranger attached is a note. Of the job's own key nothing may be passed over: it signs by rule.
      const first = broken.find(({ signers }) => key?.source === 'evidence' && signers.includes(key.pem))
      if (first !== undefined) {
        const why = `a statement that the job's key signed cannot be read: ${first.error.message}`
        return failed(first.error.code, why, first.manifest)
      }
      // How many there are is not told: a summary of this verdict that is attached later must not change it.
      return passed('every statement of the key that counts could be read')
    },
  },
  {
    id: 'subject.statements',
    clause: 'TRUST §5.1',
    needs: ['key'],
    run: (gate) => {
      const { mine, elsewhere, subject } = gate
      // Such a copy is a pusher's doing, and hurts only where the right one is missing.
      const other = elsewhere.find(
        ({ kind }) => kind !== null && neededKinds(gate).includes(kind) && !mine.some((claim) => claim.kind === kind),
      )
      if (other !== undefined) {
        const found = subjectInWords(other.statement)
        return failed(
          'subject-mismatch',
          `the ${other.kind ?? other.predicateType} statement speaks of ${found}, not of ${subject.descriptor.digest}`,
          other.manifest,
        )
      }
      if (mine.length === 0) return skipped('no statement of the image’s key is attached')
      return passed(`all ${mine.length} statements speak of this image`)
    },
  },
  {
    id: 'subject.predicates',
    clause: 'TRUST §5.1',
    needs: ['key'],
    run: ({ mine }) => {
      if (mine.length === 0) return skipped('no statement of the image’s key is attached')
      const confused = mine.find(({ declaredType, predicateType }) => (declaredType ?? predicateType) !== predicateType)
      if (confused !== undefined) {
        return failed(
          'predicate-mismatch',
          `what is attached as ${confused.declaredType} is signed as ${confused.predicateType}`,
          confused.manifest,
        )
      }
      return passed('each statement is attached as what it is signed as')
    },
  },
]

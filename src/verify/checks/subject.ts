import { failed, passed, skipped, type Step } from '../step.ts'

/** TRUST §5.1: the digest, the platform's child, each statement's own subject and type. */
export const subjectSteps: Step[] = [
  {
    id: 'subject.image',
    clause: 'TRUST §5.1',
    needs: [],
    run: ({ subject }) => {
      if (subject.error !== null) return failed(subject.error.code, subject.error.message, subject.descriptor.digest)
      const { image } = subject
      const platform = image === null ? '' : ` for ${image.platform.os}/${image.platform.architecture}`
      return passed(`manifest and configuration${platform} are what the digest says`, subject.descriptor.digest)
    },
  },
  {
    id: 'subject.readable',
    clause: 'TRUST §5.1',
    needs: [],
    run: ({ broken }) => {
      const [first] = broken
      if (first !== undefined) {
        return failed(
          first.error.code,
          `${broken.length} attached statement(s) cannot be read: ${first.error.message}`,
          first.manifest,
        )
      }
      // How many there are is not told: a summary of this verdict that is attached later must not change it.
      return passed('all attached statements could be read')
    },
  },
  {
    id: 'subject.statements',
    clause: 'TRUST §5.1',
    needs: ['key'],
    run: ({ mine, subject }) => {
      if (mine.length === 0) return skipped('no statement of the image’s key is attached')
      const other = mine.find(
        (claim) => `sha256:${claim.statement.subject[0].digest.sha256}` !== subject.descriptor.digest,
      )
      if (other !== undefined) {
        const found = `sha256:${other.statement.subject[0].digest.sha256}`
        return failed(
          'subject-mismatch',
          `the ${other.kind ?? other.predicateType} statement speaks of ${found}, not of ${subject.descriptor.digest}`,
          other.manifest,
        )
      }
      return passed(`all ${mine.length} statements speak of this image`)
    },
  },
  {
    id: 'subject.predicates',
    clause: 'TRUST §5.1',
    needs: ['key'],
    run: ({ mine }) => {
      if (mine.length === 0) return skipped('no statement of the image’s key is attached')
      const confused = mine.find((claim) => claim.declaredType !== null && claim.declaredType !== claim.predicateType)
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

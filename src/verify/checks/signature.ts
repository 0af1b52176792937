import type { Gate } from '../candidate.ts'
import { neededKinds } from '../required.ts'
import { allExpired, inWords, logged, outOfWindow, partiesSigned, strangerOf } from './parties.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** TRUST §5.2: K = open.key = seal.key, or a pinned signer, which gives `signature-only`. */
export const signatureSteps: Step[] = [
  { id: 'signature.evidence', clause: 'TRUST §5.2', needs: [], run: evidenceThere },
  {
    id: 'signature.key',
    clause: 'TRUST §5.2',
    needs: ['evidence'],
    run: ({ evidence }) => {
      if (evidence === null) return skipped('no evidence')
      const { x, y } = evidence.open.binding.key
      const other = evidence.seals.find(({ binding }) => binding.key.x !== x || binding.key.y !== y)
      if (other !== undefined)
        return failed('key-mismatch', 'the seal is a report over another key than the open report', evidence.manifest)
      return passed(`open report and seal(s) name the key ${evidence.key.thumbprint}`, evidence.manifest)
    },
  },
  { id: 'signature.statements', clause: 'TRUST §5.2', needs: [], run: statementsSigned },
  {
    id: 'signature.release',
    clause: 'TRUST §6',
    needs: [],
    run: partiesSigned,
  },
  { id: 'signature.logged', clause: 'TRUST §6', needs: [], run: (gate) => logged(gate, 'accept-unlogged-signature') },
  {
    id: 'signature.certificate',
    clause: 'TRUST §6',
    needs: [],
    run: (gate) => logged(gate, 'accept-unlogged-certificate'),
  },
]

/** TRUST §5.2: last, so that the reason for which something does not count comes first. */
export const countedSteps: Step[] = [
  {
    id: 'signature.counted',
    clause: 'TRUST §5.2',
    needs: ['evidence'],
    run: ({ counts, evidence, notes }) =>
      counts
        ? passed('token and signature make the evidence count')
        : failed(
            'missing-statement',
            `no required statement is signed by a key that counts${notes.unread()}`,
            evidence?.manifest,
          ),
  },
]

function evidenceThere(gate: Gate): Outcome {
  const { evidence, evidenceError, parties, subject, notes } = gate
  if (evidenceError !== null) return failed(evidenceError.code, evidenceError.message, evidenceError.subject ?? null)
  if (evidence !== null)
    return passed(`the evidence bundle of ${evidence.index.technology} is complete`, evidence.manifest)
  const { digest } = subject.descriptor
  if (parties.length > 0) {
    return unlessAccepted(
      gate,
      'accept-signature-only',
      'signature-only',
      `${inWords(parties)} signed the image, but no evidence is attached`,
      digest,
    )
  }
  const other = strangerOf(gate) ?? allExpired(gate)
  if (other !== null) return other
  const kinds = notes.kinds()
  if (kinds.length === 0)
    return failed('missing-evidence', 'no signature, statement or evidence is attached to this image', digest)
  if (kinds.every((kind) => kind === 'foreign')) {
    return failed(
      'signature-only',
      'the image is signed, but no evidence says which machine and job the key belongs to',
      digest,
    )
  }
  return failed(
    'missing-statement',
    `no required statement is signed by a key that counts; what else is attached is in the notes${notes.unread()}${outOfWindow(gate)}`,
    digest,
  )
}

function statementsSigned(gate: Gate): Outcome {
  const { evidence, mine, key, parties, sightings } = gate
  if (evidence === null) {
    if (key !== null) return passed(`${mine.length} statement(s) are signed by ${inWords(parties)}`, key.id)
    return skipped('no evidence names a key')
  }
  const { hint, thumbprint } = evidence.key
  const needed = neededKinds(gate)
  // A bad copy beside a good one, or of a kind that nobody asks for, is noise that anybody can add.
  const forged = sightings.find(
    ({ hint: named, kind }) =>
      named === hint && kind !== null && needed.includes(kind) && !mine.some((claim) => claim.kind === kind),
  )
  if (forged !== undefined) {
    return failed(
      'signature-invalid',
      `the ${forged.kind} statement names the key ${thumbprint}, which did not sign it`,
      forged.manifest,
    )
  }
  // The statement that points to the evidence proves nothing of its own.
  if (mine.some(({ kind }) => kind !== 'evidence'))
    return passed(`${mine.length} statement(s) are signed by the key that the evidence is bound to`, thumbprint)
  // Evidence can be copied; that a foreign statement points to it means that somebody took it for his own.
  const pointer = sightings.find(({ pointers }) => pointers.includes(evidence.manifest.slice('sha256:'.length)))
  if (pointer !== undefined) {
    return failed(
      'key-mismatch',
      `the evidence is bound to the key ${thumbprint}, but who points to it signed with another one`,
      pointer.manifest,
    )
  }
  const why = `evidence is attached, but its key ${thumbprint} signed nothing of this image`
  return parties.length === 0
    ? failed('signature-only', why, evidence.manifest)
    : unlessAccepted(gate, 'accept-signature-only', 'signature-only', why, evidence.manifest)
}

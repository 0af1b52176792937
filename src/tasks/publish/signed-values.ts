import { InputError, VerificationError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import { collect } from '../../base/streams.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { openCurrentReferenceValues } from '../../tee/reference/envelope.ts'
import { trusteeValues } from '../../tee/reference/trustee-values.ts'
import type { ReferenceValues } from '../../tee/reference/values.ts'
import type { TaskContext } from '../context.ts'

type Signed = Plan['signed-values'][number]

/** Largest signed document and largest key file, in bytes. */
const limits = { document: 64 << 20, key: 64 << 10 } as const

/**
 * The plan with the reference values of its signed documents, under the names that Trustee's default policy reads. Each document has to be signed by
 * one of the keys that the plan pins for it, to be inside its time, and to speak of nothing that its signer may not say.
 *
 * @returns the plan, and a line for each document
 * @throws VerificationError `signature-invalid`, `expired`, `denied` (beyond what the signer may say), `revoked`; InputError `file-invalid`
 */
export async function withSignedValues(plan: Plan, context: TaskContext): Promise<{ plan: Plan; notes: string[] }> {
  const lists = new Map<string, Set<string>>()
  const notes: string[] = []
  for (const signed of plan['signed-values']) {
    const document = await opened(signed, context)
    check(document, signed)
    const { values, left } = trusteeValues(document)
    if (Object.keys(values).length === 0) throw nothingRead(signed, document)
    for (const [name, list] of Object.entries(values)) {
      const known = lists.get(name) ?? new Set<string>()
      lists.set(name, known)
      for (const one of list) known.add(one)
    }
    notes.push(noteOf(signed, document, values, left))
  }
  const found: Record<string, JsonValue> = {}
  for (const [name, list] of lists) {
    if (Object.hasOwn(plan['reference-values'], name)) throw givenTwice(name)
    found[name] = [...list].sort()
  }
  return { plan: { ...plan, 'reference-values': { ...plan['reference-values'], ...found } }, notes }
}

async function opened({ file, keys }: Signed, { caller, ports }: TaskContext): Promise<ReferenceValues> {
  const read = async (path: string, limit: number): Promise<Buffer> =>
    collect(await caller.fetch(`file:${path}`), limit, path)
  const pinned: string[] = []
  for (const path of keys) pinned.push((await read(path, limits.key)).toString('utf8'))
  return openCurrentReferenceValues(await read(file, limits.document), pinned, file, ports.clock.now())
}

function check(document: ReferenceValues, { file, technologies, images, revoked }: Signed): void {
  const refuse = (code: 'denied' | 'revoked', message: string, remedy: string): VerificationError =>
    new VerificationError(code, `${file}: ${message}`, { subject: file, remedy })
  const { technology, name } = document
  if (!technologies.includes(technology))
    throw refuse(
      'denied',
      `it holds values for ${technology}, and its signer may speak of ${technologies.join(', ')}`,
      'Add the technology to `technologies` if the keys may vouch for it.',
    )
  if (images !== undefined && !images.includes(name))
    throw refuse(
      'denied',
      `it describes the image "${name}", and its signer may speak of ${images.map((one) => `"${one}"`).join(', ')}`,
      'Add the name to `images` if the keys may vouch for it.',
    )
  const ended = document.values.flatMap(({ measured }) => Object.values(measured)).find((one) => revoked.includes(one))
  if (ended !== undefined)
    throw refuse(
      'revoked',
      `it holds the revoked value ${ended}`,
      'Take a document without it: the plan says in `revoked` that it counts no more.',
    )
}

function noteOf({ file }: Signed, document: ReferenceValues, values: Record<string, string[]>, left: string[]): string {
  const lists = Object.entries(values).map(([name, list]) => `${name} (${list.length})`)
  const until = document['not-after'] === undefined ? 'without an end' : `until ${document['not-after']}`
  const unread = left.length === 0 ? '' : `; no policy of Trustee reads ${left.join(', ')}`
  const unproven =
    document.experimental === undefined ? '' : `; not confirmed by hardware: ${document.experimental.join(', ')}`
  return `${file}: "${document.name}", ${document.technology}, ${until}: ${lists.join(', ')}${unread}${unproven}.`
}

function nothingRead({ file }: Signed, { technology }: ReferenceValues): InputError {
  return new InputError('file-invalid', `${file} holds no value that a policy of Trustee reads for ${technology}`, {
    subject: file,
    remedy: 'See docs/reference-values.md for the names.',
  })
}

function givenTwice(name: string): InputError {
  return new InputError('file-invalid', `reference value ${name} is given by the plan and by a signed document`, {
    subject: name,
    remedy: 'Take it out of `reference-values`, or the document out of `signed-values`.',
  })
}

import { isObject, textOf, type JsonValue } from '../../base/json.ts'
import type { JournalEvent } from '../../journal/event.ts'
import type { Gate } from '../candidate.ts'
import { encryptedSubject } from '../encrypted.ts'
import { encryptsOf } from '../journal-roles.ts'
import type { EncryptionRules } from '../policy/encryption-schema.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** TRUST §4: where the image key went, and who can open the image beside that. */
export const imageKeySteps: Step[] = [
  { id: 'journal.key', clause: 'TRUST §4', needs: ['evidence', 'journal', 'image'], run: imageKey },
]

/** Who an `encrypt` event says can open the image. */
export interface Openers {
  /** `external`, `embedded`, `loopback`, or null where the event names no place. */
  place: string | null
  url: string | null
  serverKey: string | null
  /** Key ids of public keys. */
  keys: string[]
  /** A `kbs:` recipient is among them, or the event names none. */
  kbs: boolean
  /** A layer was left in clear. */
  partly: boolean
}

/** Schemes of public keys (docs/encryption.md); any other one counts as a KBS, whose place must be known. */
const publicKeySchemes: readonly string[] = ['jwe', 'pkcs7', 'pkcs11']

export function openersOf({ result }: JournalEvent): Openers {
  const text = (value: JsonValue | undefined): string | null => (typeof value === 'string' ? value : null)
  const { recipients: listed, layers } = result
  const recipients = Array.isArray(listed) ? listed.filter(isObject) : []
  const inFiles = recipients.filter(({ scheme }) => publicKeySchemes.includes(textOf(scheme)))
  return {
    place: text(result['kbs']),
    url: text(result['kbsUrl']),
    serverKey: text(result['kbsKey']),
    keys: inFiles.map(({ keyId }) => textOf(keyId ?? '')),
    // An event that names no recipient is no word that nobody else can open the image.
    kbs: recipients.length === 0 || inFiles.length < recipients.length,
    partly: Array.isArray(layers) && layers.some((pair) => Array.isArray(pair) && pair[0] === pair[1]),
  }
}

const placesTold: Readonly<Record<string, string>> = {
  embedded: 'the image key was given to an embedded KBS',
  loopback: 'the image key was given to a process on the loopback of the machine of the job',
}
const placeUntold = 'the journal does not name the KBS that the image key went to'

/** A key in a folder of the job opens the image for whoever reads that folder. An event that does not name the KBS counts as that. */
function imageKey(gate: Gate): Outcome {
  if (!encryptedSubject(gate)) return skipped('no layer is encrypted')
  const events = (gate.found.journal ?? []).slice(0, gate.found.sealed)
  const openers = encryptsOf(events, gate.subject.descriptor.digest).map(openersOf)
  if (openers.length === 0) return skipped('the journal has no encryption of this image')
  const rules = gate.policy.document.encryption ?? {}
  const unnamed = openers.flatMap((one) => unnamedIn(one, rules))
  if (unnamed[0] !== undefined) return failed('key-exposed', unnamed[0])
  const exposed = openers.find(({ place, kbs }) => (kbs || place !== null) && place !== 'external')
  if (exposed === undefined) {
    const named = [...new Set(openers.flatMap(({ url, keys }) => [...(url === null ? [] : [url]), ...keys]))]
    return passed(`only recipients that the policy names can open the encrypted layers: ${named.join(', ')}`)
  }
  const why = placesTold[exposed.place ?? ''] ?? placeUntold
  if (gate.policy.accepts.has('accept-sample')) return passed(`${why}, which accept-sample covers`)
  return unlessAccepted(gate, 'accept-embedded-kbs', 'key-exposed', why)
}

function unnamedIn({ place, url, serverKey, keys }: Openers, { kbs = [], recipients = [] }: EncryptionRules): string[] {
  const stranger = keys.find((key) => !recipients.includes(key))
  const open =
    stranger === undefined
      ? []
      : [`the public key ${stranger} can open the image, but \`encryption.recipients\` of the policy does not name it`]
  if (place !== 'external') return open
  const sameUrl = kbs.filter((one) => one.url === url)
  if (sameUrl.length === 0)
    return [
      ...open,
      `the image key was made for the KBS ${url ?? '(no URL)'}, but \`encryption.kbs\` of the policy does not name it`,
    ]
  if (sameUrl.some((one) => one['server-key'] === undefined || one['server-key'] === serverKey)) return open
  return [
    ...open,
    `the KBS ${url} showed the server key ${serverKey ?? '(none)'}, but \`encryption.kbs\` of the policy names another`,
  ]
}

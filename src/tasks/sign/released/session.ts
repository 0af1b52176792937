import { InputError, TransportError } from '../../../base/errors.ts'
import type { Ports } from '../../../base/ports.ts'
import { collect, once } from '../../../base/streams.ts'
import type { Caller } from '../../../agent/caller.ts'
import type { AgentClient, NotationRequest, SignedStatementRequest } from '../../../agent/protocol.ts'
import { loadPublicKey } from '../../../sign/public-key.ts'
import type { Signer } from '../../../statement/types.ts'
import { noAgent } from './no-agent.ts'
import type { Ask } from './task.ts'

/** A signing key on a KBS that is released to attested jobs only. */
export interface ReleasedKeySource {
  kind: 'kbs'
  /** `kbs:///repository/type/tag`. */
  uri: string
  /** As the input says: a URL, or `embedded:DIR`. */
  kbsUrl: string
  /** Attestation Service whose token is the passport; null for the embedded one. */
  trusteeUrl: string | null
}

/** Signs by a worker of the agent that holds the key of a KBS. One question at a time. */
export interface ReleasedSigner extends Signer {
  notation(request: NotationRequest): Promise<Buffer>
  signedStatement(request: SignedStatementRequest): Promise<Buffer>
  /** Ends the worker, and the key with it. */
  close(): Promise<void>
}

/** Largest answer: an envelope with ten certificates. */
const answerLimit = 1 << 20

interface Question {
  ask: Ask
  bytes: Uint8Array | null
  made(bytes: Buffer): void
}

/**
 * Has a worker of the agent fetch the key and sign with it for as long as this run lasts. The key never reaches the job (TRUST §4).
 *
 * @throws InputError `no-agent`, `input-missing` (no Attestation Service), `input-invalid`; and what the task `sign` throws
 */
export async function openReleased(
  source: ReleasedKeySource,
  agent: AgentClient | null,
  ports: Ports,
): Promise<ReleasedSigner> {
  const { uri } = source
  if (agent === null) throw noAgent(uri)
  const { openKbs } = await import('../../../kbs-server/connect.ts')
  const kbs = await openKbs(source.kbsUrl, ports, source.trusteeUrl)
  try {
    if (kbs.asUrl === null) throw noService(uri)
    const session = new Session()
    const request = { uri, kbs: { url: kbs.url, asUrl: kbs.asUrl } }
    session.begin(agent.task('sign', request, session.caller))
    const key = loadPublicKey((await session.key()).toString('utf8'), `the key ${uri}`)
    return {
      name: 'key',
      publicKeyPem: key.pem,
      hint: key.hint,
      sign: (bytes) => session.ask({ ask: 'sign' }, bytes),
      notation: (wanted) => session.ask({ ask: 'notation', request: wanted }),
      signedStatement: (wanted) => session.ask({ ask: 'signed-statement', request: wanted }),
      close: async () => {
        await session.end()
        await kbs.close()
      },
    }
  } catch (error) {
    await kbs.close()
    throw error
  }
}

function noService(uri: string): InputError {
  return new InputError('input-missing', `signer: ${uri} needs an Attestation Service, whose token is the passport`, {
    subject: 'trustee-url',
    remedy: 'Set `trustee-url` to the address of the Attestation Service that the KBS trusts.',
  })
}

/** The worker asks for the next question and delivers what it made; the step can call nothing (TRUST §4). */
class Session {
  readonly #waiting: Question[] = []
  #current: Question | null = null
  #take: ((question: Question) => void) | null = null
  #gaveKey: (bytes: Buffer) => void = () => {}
  readonly #key = new Promise<Buffer>((resolve) => {
    this.#gaveKey = resolve
  })
  #ended: Promise<never> = new Promise<never>(() => {})

  readonly caller: Caller = {
    fetch: async (name) => {
      if (name === 'next') {
        this.#current = await this.#next()
        return once(JSON.stringify(this.#current.ask))
      }
      const bytes = this.#current?.bytes ?? null
      if (name === 'bytes' && bytes !== null) return once(bytes)
      throw new InputError('not-found', `nothing is served as "${name}"`, { subject: name })
    },
    secret: () => Promise.resolve(null),
    deliver: async (name, bytes) => {
      const all = await collect(bytes, answerLimit, name)
      if (name === 'public-key') this.#gaveKey(all)
      else this.#current?.made(all)
    },
  }

  begin(task: Promise<unknown>): void {
    this.#ended = task.then(() => {
      throw new TransportError('agent-error', 'the worker that signs has ended', { subject: 'signer' })
    })
    // Told to whoever asks next.
    this.#ended.catch(() => {})
  }

  key(): Promise<Buffer> {
    return Promise.race([this.#key, this.#ended])
  }

  ask(ask: Ask, bytes: Uint8Array | null = null): Promise<Buffer> {
    const made = new Promise<Buffer>((resolve) => {
      this.#put({ ask, bytes, made: resolve })
    })
    return Promise.race([made, this.#ended])
  }

  async end(): Promise<void> {
    this.#put({ ask: { ask: 'end' }, bytes: null, made: () => {} })
    await this.#ended.catch(() => {})
  }

  #put(question: Question): void {
    const take = this.#take
    this.#take = null
    if (take === null) this.#waiting.push(question)
    else take(question)
  }

  #next(): Promise<Question> {
    const first = this.#waiting.shift()
    if (first !== undefined) return Promise.resolve(first)
    return new Promise((resolve) => {
      this.#take = resolve
    })
  }
}

import type { AgentClient } from '../../agent/protocol.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { openSigner } from '../../sign/signers/open.ts'
import type { Signer } from '../../statement/types.ts'
import { openCertifiedKey, servesCose, type CertifiedKey, type CoseHand } from './certified.ts'
import type { SignRequest } from './request.ts'

/** The keys of a run, beside the agent's own. */
export interface OpenedKeys {
  /** Adds its signature to the agent's, or signs alone; null for the agent alone. */
  key: Signer | null
  /** Signs for readers of COSE; null where none is served. */
  certified: CertifiedKey | null
  close(): Promise<void>
}

/**
 * Opens what a request signs with. Readers of COSE get the signature of the same signer as those of bundles.
 *
 * @throws InputError `no-agent`, `input-missing`, `input-invalid` for a certificate that nobody reads, `file-invalid`, `unsupported`; for a key of a KBS also what the task `sign` throws
 */
export async function openKeys(inputs: SignRequest, agent: AgentClient | null, ports: Ports): Promise<OpenedKeys> {
  // Ignoring it would leave the reader with signatures that no certificate vouches for.
  if (inputs.certificate !== null && !servesCose(inputs))
    throw new InputError('input-invalid', '`certificate` is set, but no consumer reads it', {
      subject: 'certificate',
      remedy: 'Add notation or scitt to `consumers`, or leave `certificate` out.',
    })
  const source = inputs.key
  if (source?.kind === 'kbs') {
    const { openReleased } = await import('./released/session.ts')
    const released = await openReleased(source, agent, ports)
    try {
      const certified = servesCose(inputs) ? openCertifiedKey(inputs, byAgent('key', released)) : null
      return { key: released, certified, close: released.close }
    } catch (error) {
      await released.close()
      throw error
    }
  }
  if (inputs.signer === 'keyless' && servesCose(inputs))
    throw new InputError(
      'input-missing',
      'consumers: notation and scitt need a key, and keyless makes a new one each run',
      {
        subject: 'consumers',
        remedy: 'Leave them out, or sign with another signer.',
      },
    )
  const close = (): Promise<void> => Promise.resolve()
  const key = source === null ? null : await openSigner(source, ports)
  if (!servesCose(inputs)) return { key, certified: null, close }
  const hand: CoseHand | null =
    key !== null
      ? { kind: 'step', signer: await key.cose(), clock: ports.clock }
      : agent === null
        ? null
        : byAgent('agent', { ...agent, publicKeyPem: (await agent.status()).publicKeyPem })
  return { key, certified: hand === null ? null : openCertifiedKey(inputs, hand), close }
}

/** Envelopes that the agent, or its worker, makes by its own rules. */
function byAgent(
  name: CertifiedKey['name'],
  {
    publicKeyPem,
    notation,
    signedStatement,
  }: Pick<AgentClient, 'notation' | 'signedStatement'> & { publicKeyPem: string },
): CoseHand {
  return { kind: 'agent', name, publicKeyPem, notation, signedStatement }
}

import type { Clock } from '../../base/ports.ts'
import { TransportError } from '../../base/errors.ts'
import { decodeResponse, encodeCommand, responseCode, type Command, type Response } from './command.ts'
import { retryCodes } from './response-code.ts'
import type { TpmTransport } from './transport.ts'

const attempts = 20

/** A TPM that is open. Every command of this room takes one. */
export class Tpm {
  readonly transport: TpmTransport
  readonly #clock: Pick<Clock, 'sleep'>

  constructor(transport: TpmTransport, clock: Pick<Clock, 'sleep'>) {
    this.transport = transport
    this.#clock = clock
  }

  /**
   * Sends a command, again while the TPM asks for that (TPM_RC_RETRY and its kin).
   *
   * @throws TpmError when it refuses; TransportError when it does not answer
   */
  async run(command: Command): Promise<Response> {
    const bytes = encodeCommand(command)
    for (let n = 0; n < attempts; n++) {
      const answer = await this.transport.exchange(bytes)
      if (!retryCodes.has(responseCode(answer))) return decodeResponse(command, answer)
      await this.#clock.sleep(Math.min(20 * 2 ** n, 1000))
    }
    throw new TransportError(
      'timeout',
      `the TPM stayed busy: it asked ${attempts} times for TPM2_${command.name} again`,
      {
        subject: this.transport.name,
        remedy: 'Try again when no other program keeps the TPM busy.',
      },
    )
  }

  close(): Promise<void> {
    return this.transport.close()
  }
}

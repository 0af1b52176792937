import { open } from 'node:fs/promises'
import { TransportError } from '../../base/errors.ts'
import { largestMessage } from './constants.ts'
import type { TpmTransport } from './transport.ts'

/**
 * The kernel's device: one write is a command, one read its response (Linux: drivers/char/tpm/tpm-dev-common.c). On `/dev/tpmrm0` the
 * kernel's resource manager gives each open file keys and sessions of its own and clears them at the close.
 */
export async function deviceTransport(path: string): Promise<TpmTransport> {
  const file = await open(path, 'r+').catch((cause: NodeJS.ErrnoException) => {
    throw new TransportError('tool-failed', `${path} cannot be opened (${cause.code ?? cause.message})`, {
      subject: path,
      cause,
      remedy: openRemedy(cause.code),
    })
  })
  return {
    name: path,
    exchange: async (command) => {
      try {
        await file.write(command, 0, command.length, null)
        const buffer = Buffer.alloc(largestMessage)
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null)
        return buffer.subarray(0, bytesRead)
      } catch (cause) {
        throw new TransportError('tool-failed', `${path} does not answer (${(cause as NodeJS.ErrnoException).code})`, {
          subject: path,
          cause,
          remedy: 'Look into the kernel log of this machine; another program may hold /dev/tpm0.',
        })
      }
    },
    close: () => file.close(),
  }
}

/** What to do about a device that does not open. */
export function openRemedy(code: string | undefined): string {
  if (code === 'EACCES' || code === 'EPERM') {
    return 'Put the user of the agent into the group of the device (tss on Debian and Ubuntu), or run the agent as root.'
  }
  if (code === 'EBUSY') return 'Another program holds it: use /dev/tpmrm0, which many may open, or end that program.'
  if (code === 'ENOENT') {
    return 'Give this machine a TPM (a vTPM device of the hypervisor), with CONFIG_TCG_TPM and CONFIG_TCG_CRB or CONFIG_TCG_TIS in its kernel.'
  }
  return 'Look into the kernel log of this machine for lines about tpm.'
}

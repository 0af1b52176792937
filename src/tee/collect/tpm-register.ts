import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { defaultPcr, openPcrRegister, registerName, type UseTpm } from '../register/index.ts'
import type { RuntimeRegister } from '../types.ts'
import { firmwareLogs } from './logs.ts'

/** Set by tests alone. */
const testSwitch = 'SEALWRIGHT_TEST_REGISTERS'

/**
 * Opens the runtime register of a TPM, plain or Azure's.
 *
 * @param device as the input `tpm-device`
 * @param register `pcr8` to `pcr15`; empty for `pcr14`
 * @throws InputError `input-invalid` for a register that anybody with the device could set back, or that is none of a TPM's
 */
export async function openTpmRegister(
  device: string,
  register: string,
  use: UseTpm,
  ports: Ports,
): Promise<RuntimeRegister> {
  const { name, resettable } = registerName(register === '' ? defaultPcr : register)
  if (!name.startsWith('pcr') || (resettable && ports.env[testSwitch] !== '1')) {
    throw new InputError('input-invalid', `register: ${name} cannot be the runtime register of a TPM`, {
      subject: 'register',
      remedy: 'Choose one of pcr8 to pcr15; pcr16 and pcr23 can be set back by anybody who has the TPM.',
    })
  }
  const log = (await bootLogs(device, ports))['tcg-event-log']
  return openPcrRegister(name, log === undefined ? null : fromBase64(log, 'tcg-event-log'), use, ports)
}

/** The kernel's logs are of the machine's own TPM: a software TPM behind a socket has seen none of it. */
export async function bootLogs(device: string, ports: Ports): Promise<Record<string, string>> {
  return device.startsWith('swtpm:') ? {} : firmwareLogs(ports)
}

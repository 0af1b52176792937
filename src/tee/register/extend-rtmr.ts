import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../../base/write-file.ts'
import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { parseEventLog } from '../eventlog/parse.ts'
import { initialValue, replay } from '../eventlog/replay.ts'
import type { RuntimeRegister } from '../types.ts'
import { registerName } from './names.ts'
import { registerWithLog, usedBefore } from './open-log.ts'
import { recordDigests } from './record.ts'

/**
 * The runtime register in RTMR3, by Linux's measurement files (6.16 and newer): a write of exactly 48 bytes extends.
 *
 * @param ccel the firmware's event log without its padding, or null where there is none
 * @returns null where this kernel shows no such file
 * @throws TransportError `tool-failed`
 */
export async function openRtmr3(ccel: Uint8Array | null, ports: Ports): Promise<RuntimeRegister | null> {
  const target = registerName('rtmr3')
  const path = rtmrPath(ports)
  const value = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw failure(path, error)
  })
  if (value === null) return null
  if (value.length !== 48) {
    throw new TransportError('tool-failed', `${path} has ${value.length} bytes, not 48`, { subject: path })
  }
  const initial = initialValue(target.index, 'sha384', 'ccel', 0)
  const booted =
    ccel === null ? initial : (replay(parseEventLog(ccel, 'ccel'), 'sha384', 'ccel').get(target.index) ?? initial)
  return registerWithLog(target, ['sha384'], value.equals(booted) ? null : usedBefore(target), async (record) => {
    const digest = recordDigests(record, ['sha384']).get('sha384')
    // The file is an attribute of the kernel: it cannot be cut to no length first.
    await writeFile(path, digest ?? Buffer.alloc(0), { flag: 'r+' }).catch((error: unknown) => {
      throw failure(path, error)
    })
  })
}

/** `rtmr3:sha384` among the measurement files of the guest driver. */
export function rtmrPath(ports: Pick<Ports, 'roots'>): string {
  return join(ports.roots.misc, 'tdx_guest/measurements/rtmr3:sha384')
}

function failure(path: string, cause: unknown): TransportError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'error'
  return new TransportError('tool-failed', `the register ${path} cannot be used (${code})`, {
    subject: path,
    cause,
    remedy:
      'Run the agent as root, the only one who may extend it, on Linux 6.16 or newer with CONFIG_TSM_MEASUREMENTS.',
  })
}

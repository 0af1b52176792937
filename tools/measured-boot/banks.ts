import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { TransportError } from '../../src/base/errors.ts'

const command = (tag: number, code: number, ...parts: Buffer[]): Buffer => {
  const head = Buffer.alloc(10)
  head.writeUInt16BE(tag)
  head.writeUInt32BE(10 + parts.reduce((sum, part) => sum + part.length, 0), 2)
  head.writeUInt32BE(code, 6)
  return Buffer.concat([head, ...parts])
}
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** TPM2_Startup(CLEAR), then TPM2_PCR_Allocate by the platform (empty password), then TPM2_Shutdown(CLEAR) (TPM 2.0 part 3). */
const startup = command(0x8001, 0x144, hex('0000'))
const shutdown = command(0x8001, 0x145, hex('0000'))
const allocate = command(
  0x8002,
  0x12b,
  hex('4000000c 00000009 40000009 0000 00 0000'),
  // Four banks: SHA-1, SHA-384 and SHA-512 without registers, SHA-256 with all 24.
  hex('00000004 0004 03 000000 000b 03 ffffff 000c 03 000000 000d 03 000000'),
)

/**
 * Leaves a new software TPM with its SHA-256 bank alone, as many real ones are delivered: under emulation the firmware spends most of its
 * time on hashing the image once for each bank.
 *
 * @param path Unix socket of `swtpm socket --server type=unixio`
 * @throws TransportError `tool-failed` naming the command and the TPM's response code
 */
export async function keepSha256Bank(path: string): Promise<void> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    await send(socket, 'TPM2_Startup', startup)
    await send(socket, 'TPM2_PCR_Allocate', allocate)
    await send(socket, 'TPM2_Shutdown', shutdown)
  } finally {
    socket.destroy()
  }
}

async function send(socket: Socket, name: string, bytes: Buffer): Promise<void> {
  socket.write(bytes)
  const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer]
  const code = answer.length < 10 ? null : answer.readUInt32BE(6)
  if (code === 0) return
  throw new TransportError(
    'tool-failed',
    `swtpm refused ${name}: ${code === null ? 'a short answer' : `0x${code.toString(16)}`}`,
    {
      subject: 'swtpm',
    },
  )
}

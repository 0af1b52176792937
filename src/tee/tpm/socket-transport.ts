import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { TransportError } from '../../base/errors.ts'
import { largestMessage } from './constants.ts'
import { commandTimeoutMs, type TpmTransport } from './transport.ts'

export type SocketAddress = { path: string } | { host: string; port: number }

const connectTimeoutMs = 10_000
/** A software TPM that just starts, or whose queue of one is full, refuses for a moment. */
const passing: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EAGAIN'])
const attempts = 20
const waitMs = 50

/**
 * swtpm's data channel: commands and responses as they are, one connection at a time. A second one waits for the end of the first, so
 * a transport is kept for one operation only.
 */
export async function socketTransport(address: SocketAddress): Promise<TpmTransport> {
  const name = `swtpm:${'path' in address ? address.path : `${address.host}:${address.port}`}`
  const socket = await connectedSoon(address, name)
  return {
    name,
    exchange: (command) => exchange(socket, command, name),
    close: async () => {
      if (socket.closed) return
      const closed = new Promise<void>((resolve) => {
        socket.once('close', () => resolve())
      })
      // A peer that keeps its half open must not keep us.
      socket.destroySoon()
      await closed
    },
  }
}

async function connectedSoon(address: SocketAddress, name: string): Promise<Socket> {
  for (let n = 1; ; n++) {
    try {
      return await connected(address, name)
    } catch (error) {
      const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined
      if (n === attempts || !passing.has(cause?.code ?? '')) throw error
    }
    await wait(waitMs)
  }
}

function connected(address: SocketAddress, name: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address)
    socket.setTimeout(connectTimeoutMs)
    const fail = (why: string, cause?: unknown): void => {
      socket.destroy()
      reject(
        new TransportError('tool-failed', `${name} ${why}`, {
          subject: name,
          cause,
          remedy:
            'Start swtpm with --server on this socket, and give the socket of its commands, not that of its control channel.',
        }),
      )
    }
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      socket.removeAllListeners('timeout')
      socket.setTimeout(0)
      resolve(socket)
    })
    socket.once('error', (cause: NodeJS.ErrnoException) =>
      fail(`cannot be reached (${cause.code ?? cause.message})`, cause),
    )
    socket.once('timeout', () => fail('does not take the connection'))
  })
}

function exchange(socket: Socket, command: Buffer, name: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const done = (): void => {
      socket.off('data', read)
      socket.off('error', failed)
      socket.off('close', closed)
      socket.off('timeout', late)
      socket.setTimeout(0)
    }
    const fail = (why: string, cause?: unknown): void => {
      done()
      socket.destroy()
      reject(new TransportError('tool-failed', `${name} ${why}`, { subject: name, cause }))
    }
    const read = (chunk: Buffer): void => {
      chunks.push(chunk)
      length += chunk.length
      const bytes = Buffer.concat(chunks)
      const size = length < 6 ? largestMessage : bytes.readUInt32BE(2)
      if (size > largestMessage || length > size) return fail('answers with something that is no TPM response')
      if (length < size || length < 10) return
      done()
      resolve(bytes)
    }
    const failed = (cause: Error): void => fail('broke off', cause)
    const closed = (): void => fail('closed the connection instead of answering')
    const late = (): void => fail('did not answer in time')
    socket.setTimeout(commandTimeoutMs)
    socket.on('data', read)
    socket.once('error', failed)
    socket.once('close', closed)
    socket.once('timeout', late)
    socket.write(command)
  })
}

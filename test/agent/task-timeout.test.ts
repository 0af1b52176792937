import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { join } from 'node:path'
import { noCaller, runTask } from '../../src/agent/task-client.ts'
import { cancellable } from '../../src/base/cancel.ts'
import { TransportError } from '../../src/base/errors.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

test('a run that is over lets go of the agent, whose worker does not answer', async () => {
  const path = join(scratch('agent'), 's')
  const server = createServer()
  const taken = new Promise<Duplex>((resolve) => {
    server.on('upgrade', (_request, socket: Duplex) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: x\r\n\r\n')
      // Both ends: a half-open connection would keep this process.
      socket.on('end', () => socket.destroy()).resume()
      resolve(socket)
    })
  })
  server.listen(path)
  await once(server, 'listening')
  const over = new TransportError('timeout', 'over')
  const ending = new AbortController()
  const task = runTask(path, 'build', {}, noCaller, cancellable(testPorts(), ending.signal, 1000))
  const socket = await taken
  const closed = once(socket, 'close')
  ending.abort(over)
  await expect(task).rejects.toBe(over)
  await closed
  // A second task of the same run is not begun.
  await expect(runTask(path, 'build', {}, noCaller, cancellable(testPorts(), ending.signal, 1000))).rejects.toBe(over)
  server.close()
})

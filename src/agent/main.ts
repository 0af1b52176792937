import { errorRecord, toSealwrightError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import type { Log, Ports } from '../base/ports.ts'
import { printable } from '../base/printable.ts'
import { collect } from '../base/streams.ts'
import { runAgent } from './process.ts'
import { startMessageSchema } from './start-message.ts'

const longestMessage = 1 << 20

/**
 * The agent's process: reads what to do from standard input, says one line on standard output when it is ready or why it is not, and logs to
 * standard error from then on.
 */
export async function main(made: Ports): Promise<void> {
  try {
    const input = await collect(process.stdin as AsyncIterable<Uint8Array>, longestMessage, 'the start message')
    const message = startMessageSchema.parse(parseJson(input.toString('utf8'), 'the start message'))
    const ports: Ports = { ...made, env: { ...made.env, ...message.environment }, log: agentLog(made) }
    const running = await runAgent(message, ports)
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => running.stop(signal))
    process.stdout.on('error', () => {})
    process.stdout.write(`${JSON.stringify({ ready: running.file })}\n`)
    ports.log.info(`ended: ${await running.ended}`)
  } catch (error) {
    await new Promise<void>((resolve) => {
      process.stdout.write(`${JSON.stringify({ error: errorRecord(error) })}\n`, () => resolve())
    })
    process.exitCode = toSealwrightError(error).exitCode
  }
  process.exit()
}

function agentLog(ports: Ports): Log {
  const say = (message: string): void => {
    process.stderr.write(`${ports.clock.now().toISOString()} ${printable(message)}\n`)
  }
  return { debug: () => {}, info: say, warn: say, progress: () => {}, group: (_title, fn) => fn(), mask: () => {} }
}

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:http2'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { collect } from '../../src/base/streams.ts'
import { bytesFieldMessage, readBytesField } from '../../src/encrypt/provider/protobuf.ts'
import { cleanEnv, program } from '../../testkit/cli.ts'
import { endProcess } from '../../testkit/end-process.ts'
import { secretsIn } from '../../testkit/secret-forms.ts'

/** Commands that handle secrets and need no job, and what is looked for in what they print. */
export interface CommandSetting {
  /** Holds the inputs, and takes what is meant to be secret. */
  readonly folder: string
  readonly env: Record<string, string>
  readonly secrets: Readonly<Record<string, Buffer>>
}

interface Printed {
  stdout: Buffer
  stderr: Buffer
}

/** Runs a command to its good end. @param input for its standard input */
async function run(args: readonly string[], { folder, env }: CommandSetting, input = ''): Promise<Printed> {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: cleanEnv(env) })
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr, code] = await Promise.all([
    collect(child.stdout, 1 << 24, 'stdout'),
    collect(child.stderr, 1 << 24, 'stderr'),
    ended,
  ])
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr.toString()}${stdout.toString()}`)
  return { stdout, stderr }
}

/**
 * Runs commands one after another.
 *
 * @returns secrets that they print, as `COMMAND: NAME (FORM)`
 */
export async function printedSecrets(commands: readonly string[][], setting: CommandSetting): Promise<string[]> {
  const found: string[] = []
  for (const args of commands) {
    const { stdout, stderr } = await run(args, setting)
    for (const bytes of [stdout, stderr])
      found.push(...secretsIn(bytes, setting.secrets).map((name) => `${args.slice(0, 2).join(' ')}: ${name}`))
  }
  return found
}

/** A request of the key provider protocol to wrap private options. */
export function wrapRequest(uri: string, options: Buffer): string {
  const ec = { Parameters: { sealwright: [Buffer.from(uri).toString('base64')] }, DecryptConfig: { Parameters: {} } }
  return JSON.stringify({
    op: 'keywrap',
    keywrapparams: { ec, optsdata: options.toString('base64') },
    keyunwrapparams: { dc: null, annotation: null },
  })
}

/** Wraps private options by `keyprovider exec`, and opens them again. @returns the answer that holds them, and what else it printed */
export async function byExec(
  args: readonly string[],
  request: string,
  setting: CommandSetting,
): Promise<{ opened: Buffer; rest: Buffer }> {
  const command = ['keyprovider', 'exec', ...args]
  const wrapped = await run(command, setting, request)
  const answer: { keywrapresults: { annotation: string | number[] } } = JSON.parse(wrapped.stdout.toString())
  const annotation = Buffer.from(answer.keywrapresults.annotation as number[]).toString('base64')
  const unwrap = { op: 'keyunwrap', keyunwrapparams: { dc: { Parameters: {} }, annotation } }
  const { stdout, stderr } = await run(command, setting, JSON.stringify(unwrap))
  const { keyunwrapresults }: { keyunwrapresults: { optsdata: number[] } } = JSON.parse(stdout.toString())
  return {
    opened: Buffer.from(keyunwrapresults.optsdata),
    rest: Buffer.concat([wrapped.stdout, wrapped.stderr, stderr]),
  }
}

/** The same wrapping by `keyprovider serve`, over its socket. @returns all that the server printed, and its answer */
export async function byServer(args: readonly string[], request: string, setting: CommandSetting): Promise<Printed> {
  const socket = join(setting.folder, 'keys.sock')
  const child = spawn(process.execPath, [program, 'keyprovider', 'serve', '--listen', `unix:${socket}`, ...args], {
    cwd: setting.folder,
    env: cleanEnv(setting.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => printed.push(bytes))
  try {
    while (!existsSync(socket)) {
      if (child.exitCode !== null) throw new Error(`the server ended: ${Buffer.concat(printed).toString()}`)
      await wait(20)
    }
    const client = connect('http://localhost', { createConnection: () => createConnection(socket) })
    try {
      const path = '/keyprovider.KeyProviderService/WrapKey'
      const stream = client.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      const body = bytesFieldMessage(Buffer.from(request))
      const prefix = Buffer.alloc(5)
      prefix.writeUInt32BE(body.length, 1)
      stream.end(Buffer.concat([prefix, body]))
      const answer = await collect(stream, 1 << 20, 'answer')
      return { stdout: readBytesField(answer.subarray(5)), stderr: Buffer.concat(printed) }
    } finally {
      client.destroy()
    }
  } finally {
    await endProcess(child)
  }
}

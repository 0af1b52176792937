import { TransportError } from '../../base/errors.ts'
import { ByteReader } from '../byte-reader.ts'
import { sized, u16, u32, u8 } from './bytes.ts'
import { commandCodes, handles, largestMessage, type CommandName } from './constants.ts'
import { isResponse, responseName } from './response-code.ts'

/** One authorization of a command (Part 1 §18.8): a session, or the empty password. No session of ours needs an HMAC. */
export interface Authorization {
  session: number
}

export const emptyPassword: Authorization = { session: handles.password }

export interface Command {
  name: CommandName
  handles?: readonly number[]
  authorizations?: readonly Authorization[]
  parameters?: Buffer
  /** Handles that come before the parameters of the response. */
  responseHandles?: number
}

export interface Response {
  handles: number[]
  parameters: Buffer
}

const tags = { plain: 0x8001, sessions: 0x8002 } as const

/** Marshals a command (Part 1 §18.2). */
export function encodeCommand(command: Command): Buffer {
  const authorizations = (command.authorizations ?? []).map(({ session }) =>
    // No nonce, no attributes (the session ends with the command), no HMAC.
    Buffer.concat([u32(session), sized(), u8(0), sized()]),
  )
  const area = Buffer.concat(authorizations)
  const body = Buffer.concat([
    ...(command.handles ?? []).map(u32),
    ...(authorizations.length === 0 ? [] : [u32(area.length), area]),
    command.parameters ?? Buffer.alloc(0),
  ])
  const tag = authorizations.length === 0 ? tags.plain : tags.sessions
  return Buffer.concat([u16(tag), u32(10 + body.length), u32(commandCodes[command.name]), body])
}

/** The TPM understood a command and refused it. */
export class TpmError extends TransportError {
  readonly responseCode: number
  constructor(name: CommandName, responseCode: number) {
    super('tool-failed', `the TPM refused TPM2_${name}: ${responseName(responseCode)}`, {
      subject: 'tpm',
      remedy: remedyFor(responseCode),
    })
    this.responseCode = responseCode
  }

  /** @param name as in the specification, without `TPM_RC_` */
  is(name: string): boolean {
    return isResponse(this.responseCode, name)
  }
}

function remedyFor(code: number): string {
  if (isResponse(code, 'BAD_AUTH') || isResponse(code, 'AUTH_FAIL')) {
    return 'The hierarchy or index has a password: the agent needs the empty one. Clear it, or take a machine whose TPM has no owner.'
  }
  if (isResponse(code, 'LOCKOUT')) return 'The TPM is locked after wrong passwords: wait, or restart the machine.'
  if (isResponse(code, 'INITIALIZE')) return 'Nobody started the TPM: the firmware (or swtpm_ioctl -i) must do that.'
  if (isResponse(code, 'HIERARCHY')) return 'The hierarchy is switched off in this machine’s firmware setup.'
  if (isResponse(code, 'OBJECT_MEMORY') || isResponse(code, 'SESSION_MEMORY')) {
    return 'The TPM is full: use /dev/tpmrm0, or flush it with tpm2_flushcontext -t -l -s.'
  }
  return 'Look up the command and this code in the TPM 2.0 Library, Part 3.'
}

/** The response code of a response whose frame holds. @throws VerificationError `format-invalid` */
export function responseCode(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes, 'TPM response', 'BE')
  if (bytes.length > largestMessage) throw reader.refuse(`larger than ${largestMessage} bytes`)
  const tag = reader.u16('tag')
  if (tag !== tags.plain && tag !== tags.sessions) throw reader.refuse(`tag 0x${tag.toString(16)}`)
  const size = reader.u32('size')
  if (size !== bytes.length) throw reader.refuse(`it says ${size} bytes and has ${bytes.length}`)
  const code = reader.u32('response code')
  if (code !== 0 && bytes.length !== 10) throw reader.refuse('an error with something behind it')
  return code
}

/** Reads the response to a command. @throws TpmError for a refusal; VerificationError `format-invalid` for another form */
export function decodeResponse(command: Command, bytes: Uint8Array): Response {
  const code = responseCode(bytes)
  if (code !== 0) throw new TpmError(command.name, code)
  const reader = new ByteReader(bytes, `response to TPM2_${command.name}`, 'BE')
  const tag = reader.u16('tag')
  const sessions = command.authorizations?.length ?? 0
  if ((tag === tags.sessions) !== sessions > 0) throw reader.refuse('the tag does not fit the command')
  reader.take(8, 'size and code')
  const found = Array.from({ length: command.responseHandles ?? 0 }, () => reader.u32('handle'))
  if (sessions === 0) return { handles: found, parameters: reader.rest }
  const parameters = reader.sized32('parameters', largestMessage)
  for (let n = 0; n < sessions; n++) {
    reader.sized16('nonce', 64)
    reader.u8('attributes')
    reader.sized16('authorization', 64)
  }
  reader.end()
  return { handles: found, parameters }
}

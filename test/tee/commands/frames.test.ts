import { createServer, type Server, type Socket } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pcrBanks } from '../../../src/tee/tpm/capability.ts'
import { emptyPassword, encodeCommand, TpmError, type Command } from '../../../src/tee/tpm/command.ts'
import { parseCredentialFile } from '../../../src/tee/tpm/credential.ts'
import { openTpm, tpmAddress, tpmMissing } from '../../../src/tee/tpm/open.ts'
import { readPcrs } from '../../../src/tee/tpm/pcr.ts'
import { responseName } from '../../../src/tee/tpm/response-code.ts'
import { Tpm } from '../../../src/tee/tpm/tpm.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'

/** A TPM that gives prepared answers, in order, and keeps what it was asked. */
function scripted(...answers: string[]): { tpm: Tpm; asked: string[]; slept: number[] } {
  const asked: string[] = []
  const slept: number[] = []
  const transport = {
    name: 'scripted',
    exchange: async (command: Buffer) => {
      asked.push(command.toString('hex'))
      return Buffer.from(answers.shift() ?? '', 'hex')
    },
    close: async () => {},
  }
  const clock = {
    sleep: async (ms: number) => {
      slept.push(ms)
    },
  }
  return { tpm: new Tpm(transport, clock), asked, slept }
}

const random: Command = { name: 'GetRandom', parameters: Buffer.from([0, 4]) }
const good = '8001 00000010 00000000 0004 01020304'.replaceAll(' ', '')
const refusal = (code: string): string => `80010000000a${code}`

describe('frames', () => {
  test('a plain command, and one with the empty password', () => {
    expect(encodeCommand(random).toString('hex')).toBe('80010000000c0000017b0004')
    const extend = encodeCommand({ name: 'PCR_Extend', handles: [14], authorizations: [emptyPassword] })
    expect(extend.toString('hex')).toBe('80020000001b000001820000000e0000000940000009 0000 00 0000'.replaceAll(' ', ''))
  })

  test('the answer’s parameters come back', async () => {
    expect((await scripted(good).tpm.run(random)).parameters.toString('hex')).toBe('000401020304')
  })

  test.each([
    ['nothing', '', 'tag of 2 bytes ends beyond'],
    ['half a header', good.slice(0, 12), 'it says 16 bytes and has 6'],
    [
      'a size that is not its own',
      `8001 00000011 ${good.slice(12)}`.replaceAll(' ', ''),
      'it says 17 bytes and has 16',
    ],
    ['bytes behind it', `${good}00`, 'it says 16 bytes and has 17'],
    ['another tag', `c1c1${good.slice(4)}`, 'tag 0xc1c1'],
    ['the tag of sessions that were not asked for', `8002${good.slice(4)}`, 'does not fit the command'],
    ['an error with data', '80010000000b0000092200', 'something behind it'],
  ])('%s is refused', async (_what, answer, why) => {
    await expect(scripted(answer).tpm.run(random)).rejects.toThrow(why)
  })

  test('an answer to a session has parameters of its size and one authorization', async () => {
    const command: Command = { name: 'PCR_Extend', handles: [14], authorizations: [emptyPassword] }
    const tail = '0000000000000100 00'.replaceAll(' ', '')
    await expect(scripted(`800200000013000000 00${tail}`.replaceAll(' ', '')).tpm.run(command)).resolves.toEqual({
      handles: [],
      parameters: Buffer.alloc(0),
    })
    await expect(scripted('80020000000e0000000000000000').tpm.run(command)).rejects.toThrow('nonce')
    await expect(
      scripted('80020000001400000000000000000000010000 00'.replaceAll(' ', '')).tpm.run(command),
    ).rejects.toThrow('follow the end')
  })
})

describe('response codes', () => {
  test.each([
    [0x922, 'TPM_RC_RETRY'],
    [0x101, 'TPM_RC_FAILURE'],
    [0x18b, 'TPM_RC_HANDLE (handle 1)'],
    [0x1d5, 'TPM_RC_SIZE (parameter 1)'],
    [0x9a2, 'TPM_RC_BAD_AUTH (session 1)'],
    [0xb0143, 'TPM_RC_COMMAND_CODE of the resource manager'],
    [0x17f, 'TPM_RC_0x17f'],
    [0x1ff, 'TPM_RC_0x1ff (parameter 1)'],
  ])('%d in words', (code, words) => {
    expect(responseName(code)).toBe(words)
  })

  test('a refusal names command and code, and what to do', async () => {
    const error = await scripted(refusal('000009a2'))
      .tpm.run(random)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TpmError)
    expect(error).toMatchObject({
      message: 'the TPM refused TPM2_GetRandom: TPM_RC_BAD_AUTH (session 1)',
      remedy: expect.stringContaining('password'),
      exitCode: 3,
    })
  })

  test.each(['00000922', '00000908', '0000090a', '00000920'])(
    'after %s the same command is sent again',
    async (code) => {
      const { tpm, asked, slept } = scripted(refusal(code), refusal(code), good)
      await tpm.run(random)
      expect(new Set(asked).size).toBe(1)
      expect(asked).toHaveLength(3)
      expect(slept).toEqual([20, 40])
    },
  )

  test('a TPM that never stops saying so is given up', async () => {
    await expect(scripted(...Array<string>(30).fill(refusal('00000922'))).tpm.run(random)).rejects.toMatchObject({
      code: 'timeout',
    })
  })
})

describe('answers', () => {
  /** GetCapability: SHA-256 with 24 PCRs, SHA-1 with none, SM3 with 24. */
  const banks = '80010000002500000000 00 00000005 00000003 000b03ffffff 000403000000 001203ffffff'

  test('banks without PCRs and those that Node cannot hash are left out', async () => {
    const found = await pcrBanks(scripted(banks.replaceAll(' ', '')).tpm)
    expect(found.map(({ hash, pcrs }) => [hash, pcrs.length])).toEqual([['sha256', 24]])
  })

  const pcrs = (counter: string, bitmap: string, ...values: string[]): string => {
    const body = `${counter}00000001000b03${bitmap}${values.length.toString(16).padStart(8, '0')}${values.map((value) => `0020${value}`).join('')}`
    return `8001${(10 + body.length / 2).toString(16).padStart(8, '0')}00000000${body}`
  }
  const [a, b, c] = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(32))

  test('PCRs that change between two answers are read anew', async () => {
    const { tpm, asked } = scripted(
      ...[pcrs('00000001', '010000', a!), pcrs('00000002', '020000', b!)],
      ...[pcrs('00000002', '010000', c!), pcrs('00000002', '020000', b!)],
    )
    const values = await readPcrs(tpm, 'sha256', [0, 1])
    expect([...values].map(([pcr, value]) => [pcr, value.toString('hex')])).toEqual([
      [0, c],
      [1, b],
    ])
    expect(asked).toHaveLength(4)
  })

  test.each([
    ['nothing', pcrs('00000001', '000000'), 'has no sha256 value of PCR 0'],
    ['another PCR', pcrs('00000001', '020000', a!), 'PCR 1 of another form'],
    ['fewer values than PCRs', pcrs('00000001', '010000'), '0 values of 1 PCRs'],
  ])('%s instead of a PCR is refused', async (_what, answer, why) => {
    await expect(readPcrs(scripted(answer).tpm, 'sha256', [0])).rejects.toThrow(why)
  })

  test('PCRs that never come to rest are given up', async () => {
    let counter = 0
    const tpm = new Tpm(
      {
        name: 'restless',
        exchange: async (command) => {
          const bitmap = command.at(-3) === 3 ? '010000' : '020000'
          return Buffer.from(pcrs((counter++).toString(16).padStart(8, '0'), bitmap, a!), 'hex')
        },
        close: async () => {},
      },
      { sleep: async () => {} },
    )
    await expect(readPcrs(tpm, 'sha256', [0, 1])).rejects.toThrow('kept changing')
  })

  test.each([
    ['another mark', 'badcc0df00000001'],
    ['another version', 'badcc0de00000002'],
    ['no secret', 'badcc0de000000010000'],
  ])('a credential with %s is refused', (_what, hex) => {
    expect(() => parseCredentialFile(Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: 'format-invalid' }),
    )
  })
})

describe('addresses', () => {
  const ports = testPorts()
  test.each<[string, unknown]>([
    ['', { kind: 'device', path: join(ports.roots.dev, 'tpmrm0') }],
    ['/dev/tpm0', { kind: 'device', path: '/dev/tpm0' }],
    ['swtpm:/run/x/sock', { kind: 'swtpm', address: { path: '/run/x/sock' } }],
    ['swtpm:127.0.0.1:2321', { kind: 'swtpm', address: { host: '127.0.0.1', port: 2321 } }],
    ['swtpm:[::1]:2321', { kind: 'swtpm', address: { host: '::1', port: 2321 } }],
  ])('%j', (text, address) => {
    expect(tpmAddress(text, ports)).toEqual(address)
  })

  test.each([
    'tpmrm0',
    'swtpm:',
    'swtpm:sock',
    'swtpm:10.0.0.1:2321',
    'swtpm:127.0.0.1:0',
    'swtpm:127.0.0.1:65536',
    '/dev/a\0b',
  ])('%j names no TPM', (text) => {
    expect(() => tpmAddress(text, ports)).toThrow(expect.objectContaining({ code: 'input-invalid', exitCode: 2 }))
  })

  test('what is missing is said', async () => {
    expect(await tpmMissing(tpmAddress('', ports))).toMatch(/tpmrm0 is not there\. .*CONFIG_TCG_TPM/)
    expect(await tpmMissing(tpmAddress('swtpm:/none/sock', ports))).toMatch(/the socket \/none\/sock .*ENOENT/)
    await expect(openTpm(tpmAddress('', ports), ports)).rejects.toMatchObject({
      code: 'tool-failed',
      message: expect.stringContaining('ENOENT'),
    })
  })

  test('a file that is no TPM is an error, not a hang', async () => {
    const path = join(scratch('tpm'), 'file')
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, '')
    const tpm = await openTpm(tpmAddress(path, ports), ports)
    await expect(tpm.run(random)).rejects.toThrow('TPM response')
    await tpm.close()
  })
})

describe('a socket', () => {
  const serve = async (answer: (socket: Socket) => void): Promise<{ path: string; server: Server }> => {
    const path = join(scratch('tpm'), 's')
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => answer(socket))
    })
    await new Promise<void>((resolve) => {
      server.listen(path, resolve)
    })
    return { path, server }
  }

  test.each<[string, (socket: Socket) => void, string]>([
    ['closes', (socket) => socket.end(), 'closed the connection'],
    ['says something else', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n'), 'no TPM response'],
    ['says more than one response', (socket) => socket.write(Buffer.from(`${good}00`, 'hex')), 'no TPM response'],
  ])('that %s is an error', async (_what, answer, why) => {
    const { path, server } = await serve(answer)
    const ports = testPorts()
    const tpm = await openTpm(tpmAddress(`swtpm:${path}`, ports), ports)
    await expect(tpm.run(random)).rejects.toThrow(why)
    await tpm.close()
    server.close()
  })

  test('whose answer comes in pieces is read whole', async () => {
    const bytes = Buffer.from(good, 'hex')
    const { path, server } = await serve((socket) => {
      socket.write(bytes.subarray(0, 3))
      setTimeout(() => socket.write(bytes.subarray(3, 12)), 20)
      setTimeout(() => socket.write(bytes.subarray(12)), 40)
    })
    const ports = testPorts()
    const tpm = await openTpm(tpmAddress(`swtpm:${path}`, ports), ports)
    expect((await tpm.run(random)).parameters).toHaveLength(6)
    await tpm.close()
    server.close()
  })

  test('that nobody serves is an error with the way out', async () => {
    const ports = testPorts()
    await expect(openTpm(tpmAddress('swtpm:127.0.0.1:1', ports), ports)).rejects.toMatchObject({
      message: expect.stringContaining('cannot be reached'),
      remedy: expect.stringContaining('swtpm'),
    })
  })
})

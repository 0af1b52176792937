import { execFileSync } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Ports } from '../../../src/base/ports.ts'
import { azureIndices } from '../../../src/tee/collect/azure-vtpm.ts'
import { imdsUrl } from '../../../src/tee/collect/imds.ts'
import { attestationTemplate } from '../../../src/tee/tpm/templates.ts'
import { createPrimary } from '../../../src/tee/tpm/keys.ts'
import { nvDefine, nvPublic, nvRead, nvUndefine, nvWrite } from '../../../src/tee/tpm/nv.ts'
import { openTpm, tpmAddress, withTpm } from '../../../src/tee/tpm/open.ts'
import { sized, u16, u32 } from '../../../src/tee/tpm/bytes.ts'
import type { TpmTransport } from '../../../src/tee/tpm/transport.ts'
import { Tpm } from '../../../src/tee/tpm/tpm.ts'
import { startSwtpm, type SoftwareTpm } from '../tpm/swtpm.ts'
import { peer } from '../../peers.ts'
import { testPorts } from '../../ports.ts'
import { hclReport } from '../pki/azure.ts'

/**
 * SIMULATION of Azure's paravisor around a software TPM: a key of the vTPM at its handle, an HCL report whose hardware part is synthetic,
 * and a new one whenever user-data was written and three seconds have passed. It shows that a collector follows the protocol.
 */
export class Paravisor {
  readonly kind: 'snp' | 'tdx'
  readonly tpm: SoftwareTpm
  /** Whether user-data is taken up; and whether the report has such a member at all. */
  takes: 'yes' | 'never' | 'unknown' = 'yes'
  waited = 0
  /** TDX's report does not fit swtpm's NV indices, so it is put into the transport. */
  #report: Buffer = Buffer.alloc(0)
  #key = { n: '', e: '' }

  private constructor(kind: 'snp' | 'tdx', tpm: SoftwareTpm) {
    this.kind = kind
    this.tpm = tpm
  }

  static async start(kind: 'snp' | 'tdx'): Promise<Paravisor> {
    const made = new Paravisor(kind, await startSwtpm({ program: peer('swtpm') }))
    await made.#use(async (tpm) => {
      const key = await createPrimary(tpm, 'owner', attestationTemplate('rsa'))
      const { n, e } = key.public.key.export({ format: 'jwk' })
      made.#key = { n: String(n), e: String(e) }
    })
    made.tools('evictcontrol', '-C', 'o', '-c', '0x80000000', '0x81000003')
    made.tools('flushcontext', '-t')
    await made.#publish(Buffer.alloc(64))
    return made
  }

  tools(...args: string[]): void {
    const env = { ...process.env, TPM2TOOLS_TCTI: this.tpm.tcti }
    execFileSync(peer('tpm2'), args, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  }

  /** Ports whose clock lets the paravisor work instead of waiting. */
  ports(overrides: Partial<Ports> = {}): Ports {
    const base = testPorts()
    const sleep = async (ms: number): Promise<void> => {
      // A TPM that asks for a command again is waited for in the middle of a connection.
      if (ms < 2000) return base.clock.sleep(ms)
      this.waited += ms
      if (this.takes !== 'never') await this.#publish(await this.#use((tpm) => nvRead(tpm, azureIndices.userData)))
    }
    return { ...base, clock: { ...base.clock, sleep }, ...overrides }
  }

  open = async (ports: Ports): Promise<Tpm> => {
    const inner = await openTpm(tpmAddress(this.tpm.device, ports), ports)
    if (this.kind === 'snp') return inner
    const report = this.#report
    const transport: TpmTransport = {
      name: 'vTPM',
      exchange: async (command) => answerReport(command, report) ?? inner.transport.exchange(command),
      close: () => inner.close(),
    }
    return new Tpm(transport, ports.clock)
  }

  /** Makes another report the current one. */
  async put(report: Buffer): Promise<void> {
    this.#report = report
    if (this.kind === 'tdx') return
    await this.#use(async (tpm) => {
      const area = await nvPublic(tpm, azureIndices.report)
      if (area !== null && area.size !== report.length) await nvUndefine(tpm, azureIndices.report)
      if (area?.size !== report.length) await nvDefine(tpm, azureIndices.report, report.length)
      await nvWrite(tpm, azureIndices.report, report)
    })
  }

  async remove(index: number): Promise<void> {
    await this.#use((tpm) => nvUndefine(tpm, index))
  }

  async define(index: number, size: number): Promise<void> {
    await this.#use((tpm) => nvDefine(tpm, index, size))
  }

  async #publish(userData: Buffer | null): Promise<void> {
    await this.put(hclReport(this.kind, this.#key, this.takes === 'unknown' ? null : (userData ?? Buffer.alloc(64))))
  }

  #use<T>(use: (tpm: Tpm) => Promise<T>): Promise<T> {
    const ports = testPorts()
    return withTpm(tpmAddress(this.tpm.device, ports), ports, use)
  }
}

/** Answers NV_ReadPublic and NV_Read of the report's index; null for every other command. */
function answerReport(command: Buffer, report: Buffer): Buffer | null {
  const code = command.readUInt32BE(6)
  if (code === 0x169 && command.readUInt32BE(10) === azureIndices.report) {
    const area = Buffer.concat([u32(azureIndices.report), u16(0x0b), u32(0x20020002), sized(), u16(report.length)])
    const body = Buffer.concat([sized(area), sized(Buffer.alloc(34))])
    return Buffer.concat([u16(0x8001), u32(10 + body.length), u32(0), body])
  }
  if (code !== 0x14e || command.readUInt32BE(14) !== azureIndices.report) return null
  const [size, offset] = [command.readUInt16BE(command.length - 4), command.readUInt16BE(command.length - 2)]
  const data = sized(report.subarray(offset, offset + size))
  const body = Buffer.concat([u32(data.length), data, sized(), Buffer.of(1), sized()])
  return Buffer.concat([u16(0x8002), u32(10 + body.length), u32(0), body])
}

export interface Imds {
  ports(base: Ports): Ports
  /** `METHOD path metadata-header body` of each request. */
  readonly requests: string[]
  close(): Promise<void>
}

/** A metadata service on loopback that stands in for the link-local one; null cuts the connection. */
export async function startImds(
  answer: (request: IncomingMessage, body: string) => { status: number; body: string } | 'silence' | null,
): Promise<Imds> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8')
      requests.push([request.method, request.url, request.headers['metadata'], body].join(' ').trim())
      const found = answer(request, body)
      if (found === 'silence') return
      if (found === null) return void request.socket.destroy()
      response.writeHead(found.status, { 'content-type': 'application/json' }).end(found.body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    requests,
    ports: (base) => ({
      ...base,
      http: { ...base.http, request: (url, options) => base.http.request(url.replace(imdsUrl, local), options) },
    }),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

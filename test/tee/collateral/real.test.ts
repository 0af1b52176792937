import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { amdPlans } from '../../../src/tee/collateral/amd.ts'
import { fetchCollateral } from '../../../src/tee/collateral/fetch.ts'
import { readVek } from '../../../src/tee/verify/snp/vek.ts'
import { parseCertificate } from '../../../src/encoding/x509/certificate.ts'
import { peer, vector, withPeers } from '../../../testkit/peers.ts'
import { recordingLog, scratch, testPorts } from '../../../testkit/ports.ts'

/** Serves Intel's real answers of a vector in the paths and headers of the service. */
async function serve(bundle: Record<string, string>): Promise<{ server: Server; base: string }> {
  const part = (name: string): string => bundle[name] ?? ''
  const chain = (name: string): string => encodeURIComponent(part(name))
  const signed = (member: string, name: string): string =>
    `{"${member}":${part(name)},"signature":"${part(`${name}_signature`)}"}`
  const answers: Record<string, [body: Buffer | string, headers: Record<string, string>]> = {
    '/tdx/certification/v4/tcb?fmspc=b0c06f000000': [
      signed('tcbInfo', 'tcb_info'),
      { 'TCB-Info-Issuer-Chain': chain('tcb_info_issuer_chain') },
    ],
    '/tdx/certification/v4/qe/identity': [
      signed('enclaveIdentity', 'qe_identity'),
      { 'SGX-Enclave-Identity-Issuer-Chain': chain('qe_identity_issuer_chain') },
    ],
    '/sgx/certification/v4/pckcrl?ca=platform&encoding=der': [
      Buffer.from(part('pck_crl'), 'hex'),
      { 'SGX-PCK-CRL-Issuer-Chain': chain('pck_crl_issuer_chain') },
    ],
    '/root.der': [Buffer.from(part('root_ca_crl'), 'hex'), {}],
  }
  const server = createServer((request, response) => {
    const [body, headers] = answers[request.url ?? ''] ?? ['', {}]
    response.writeHead(body === '' ? 404 : 200, headers).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, base: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const sample = 'tee/tdx/dcap-qvl/sample'

async function fetched(): Promise<Buffer> {
  const bundle = JSON.parse(readFileSync(vector(`${sample}/tdx_quote_collateral.json`), 'utf8')) as Record<
    string,
    string
  >
  const { server, base } = await serve(bundle)
  const ports = testPorts({ log: recordingLog() })
  const at = new Date('2025-07-04T00:00:00Z')
  const directory = scratch('real')
  try {
    const [entry] = await fetchCollateral(
      [{ maker: 'intel', fmspc: 'b0c06f000000', ca: 'platform' }],
      { directory, kds: base, intel: { pcs: base, rootList: `${base}/root.der` }, refresh: false },
      { ...ports, clock: { ...ports.clock, now: () => at } },
    )
    expect(entry).toMatchObject({ state: 'fetched' })
    return readFileSync(join(directory, entry?.path ?? ''))
  } finally {
    server.close()
  }
}

withPeers(
  [`vectors:${sample}`],
  "Intel's real answers pass under Intel's own root, and nothing in them is changed",
  async () => {
    const written = JSON.parse((await fetched()).toString()) as Record<string, string>
    const given = JSON.parse(readFileSync(vector(`${sample}/tdx_quote_collateral.json`), 'utf8')) as Record<
      string,
      string
    >
    for (const name of [
      'tcb_info',
      'tcb_info_signature',
      'qe_identity',
      'qe_identity_signature',
      'pck_crl',
      'root_ca_crl',
    ])
      expect([name, written[name]?.toLowerCase()]).toEqual([name, given[name]?.toLowerCase()])
    expect(written['tcb_info']).toBe(given['tcb_info'])
  },
)

withPeers([`vectors:${sample}`, 'dcap-qvl'], 'dcap-qvl verifies a real quote with the file that we wrote', async () => {
  const folder = scratch('qvl')
  writeFileSync(join(folder, 'collateral.json'), await fetched())
  const script = `
import json, sys, dcap_qvl
quote = open(sys.argv[1], 'rb').read()
collateral = dcap_qvl.QuoteCollateralV3.from_json(open(sys.argv[2]).read())
print(dcap_qvl.verify(quote, collateral, int(sys.argv[3])).status)
`
  const args = ['-c', script, vector(`${sample}/tdx_quote`), join(folder, 'collateral.json'), '1751587200']
  expect(execFileSync(peer('dcap-qvl'), args, { encoding: 'utf8' }).trim()).toBe('UpToDate')
})

withPeers(['vectors:tee/snp/virtee-sev'], "AMD's real certificates pass under AMD's own authorities", async () => {
  const file = (name: string): Buffer => readFileSync(vector(`tee/snp/virtee-sev/certs_data/${name}`))
  for (const line of ['Milan', 'Turin'] as const) {
    const name = line.toLowerCase()
    const { hwid, tcb } = readVek(parseCertificate(file(`vcek_${name}.der`), 'VCEK'))
    if (hwid === null) throw new Error('a VCEK has a hardware id')
    const [key, , chain] = amdPlans(
      { maker: 'amd', line, endorser: 'vcek', vcek: { hwid, tcb } },
      'https://kds.example',
      testPorts(),
    )
    expect(key?.read(file(`vcek_${name}.der`)).getTime()).toBeGreaterThan(Date.parse('2027-01-01'))
    expect(chain?.read(file(`cert_chain_${name}`)).getTime()).toBeGreaterThan(Date.parse('2040-01-01'))
    expect(() => key?.read(file(line === 'Milan' ? 'vcek_turin.der' : 'vcek_milan.der'))).toThrow('this is a vcek of')
  }
})

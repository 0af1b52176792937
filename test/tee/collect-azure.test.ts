import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writePem } from '../../src/encoding/pem.ts'
import { azureCollector } from '../../src/tee/collect/azure.ts'
import { azureIndices } from '../../src/tee/collect/azure-vtpm.ts'
import { amdCertification, imdsUrl, tdQuote } from '../../src/tee/collect/imds.ts'
import { agentStart } from '../../src/tee/register/index.ts'
import type { TeeEvidence } from '../../src/tee/types.ts'
import type { AzureTechnology } from '../../src/tee/verify/azure/evidence.ts'
import { verifyAzure, type InnerVerifier } from '../../src/tee/verify/azure/verifier.ts'
import { parseSnpReport } from '../../src/tee/verify/snp/report.ts'
import { verifySnp } from '../../src/tee/verify/snp/verify-snp.ts'
import { parseTdxQuote } from '../../src/tee/verify/tdx/quote.ts'
import { verifyTdx } from '../../src/tee/verify/tdx/verify.ts'
import { withPeers } from '../../testkit/peers.ts'
import { testPorts } from '../../testkit/ports.ts'
import { Paravisor, startImds, type Imds } from '../../testkit/tee/azure/paravisor.ts'
import { hclReport } from '../../testkit/tee/pki/azure.ts'
import { syntheticSnp, syntheticTrust } from '../../testkit/tee/pki/snp.ts'
import { at as tdxTime, makeWorld } from '../../testkit/tee/tdx/synthetic.ts'

// The paravisor and the hardware behind it are SIMULATED; the vTPM is a real software TPM.
const data = Buffer.alloc(48, 0x5c)
const at = new Date('2026-06-15T12:00:00Z')
const [leaf = Buffer.alloc(0)] = syntheticSnp({ line: 'Milan' }).certificates
const certification = JSON.stringify({ vcekCert: writePem('CERTIFICATE', leaf), certificateChain: '', tcbm: 'x' })

async function withAzure(
  kind: 'snp' | 'tdx',
  use: (azure: Paravisor, imds: Imds, collect: () => Promise<TeeEvidence>) => Promise<void>,
  answer: Parameters<typeof startImds>[0] = () => ({ status: 200, body: certification }),
): Promise<void> {
  const azure = await Paravisor.start(kind)
  const imds = await startImds(answer)
  try {
    const technology = `az-${kind}-vtpm` as const
    const collect = () => azureCollector(technology, { open: azure.open }).collect(data, imds.ports(azure.ports()))
    await use(azure, imds, collect)
  } finally {
    await imds.close()
    await azure.tpm.stop()
  }
}

/** Roots and collateral of the quote that the host made last. */
let world = makeWorld()

/** The hardware's verdict with synthetic authorities in place of AMD's and Intel's. */
const inner: InnerVerifier = (found) => {
  if (found.kind === 'snp') {
    const { reportData } = parseSnpReport(found.report)
    const input = { report: found.report, certificates: [found.vcek] }
    const verdict = verifySnp(input, { reportData, at, trust: syntheticTrust() })
    return { facts: null, checks: verdict.checks, measured: {}, machine: null, reportData }
  }
  const { reportData } = parseTdxQuote(found.quote).body
  const verdict = verifyTdx({ ...world, quote: found.quote, reportData, at: tdxTime })
  return { facts: null, checks: verdict.checks, measured: {}, machine: null, reportData }
}

const failures = (technology: AzureTechnology, taken: TeeEvidence, bound = data) =>
  verifyAzure(technology, taken, bound, at, inner)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name)

const peers = ['swtpm', 'tpm2']

withPeers(peers, 'az-snp-vtpm: data goes to the paravisor and the quote, and all of it verifies', async () => {
  await withAzure('snp', async (azure, imds, collect) => {
    const collector = azureCollector('az-snp-vtpm', { open: azure.open })
    expect(await collector.missing(azure.ports())).toBeNull()
    const taken = await collect()
    expect(Object.keys(taken.evidence)).toEqual(['version', 'tpm_quote', 'hcl_report', 'vcek'])
    expect(taken.evidence['version']).toBe(2)
    expect(taken.documents['ak-tpmt']).toBeDefined()
    expect(failures('az-snp-vtpm', taken)).toEqual([])
    expect(failures('az-snp-vtpm', taken, Buffer.alloc(48, 1))).toEqual(['qualifying-data', 'user-data'])
    expect(imds.requests).toEqual(['GET /metadata/THIM/amd/certification true'])
    expect(azure.waited).toBe(3000)
    // The vTPM's runtime register, by the agent's records.
    const record = agentStart({ job: `sha256:${'1'.repeat(64)}`, key: 'k'.repeat(43) })
    const register = await collector.openRegister?.(azure.ports())
    await register?.extend(record)
    const later = await collector.collect(data, imds.ports(azure.ports()), register?.log())
    const verdict = verifyAzure('az-snp-vtpm', later, data, at, inner)
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(verdict.register).toEqual({ name: 'pcr14', resettable: false, records: [record], foreign: [] })
    // A second report of the same boot, over an index that is there already.
    expect(failures('az-snp-vtpm', await collect())).toEqual([])
  })
})

withPeers(peers, 'az-tdx-vtpm: the TDREPORT of the HCL report becomes a quote at the host', async () => {
  const answer: Parameters<typeof startImds>[0] = (_request, body) => {
    // The host signs what the report says: of interest here is its report data alone.
    const report = Buffer.from((JSON.parse(body) as { report: string }).report, 'base64url')
    world = makeWorld({ body: (bytes) => report.copy(bytes, 520, 128, 192) })
    return { status: 200, body: JSON.stringify({ quote: Buffer.from(world.quote).toString('base64url') }) }
  }
  await withAzure(
    'tdx',
    async (azure, imds, collect) => {
      expect(await azureCollector('az-tdx-vtpm', { open: azure.open }).missing(azure.ports())).toBeNull()
      expect(failures('az-tdx-vtpm', await collect())).toEqual([])
      expect(imds.requests[0]).toMatch(/^POST \/acc\/tdquote true \{"report":"[A-Za-z0-9_-]{1366}"\}$/)
    },
    answer,
  )
})

withPeers(peers, 'an index of another size is made anew', async () => {
  await withAzure('snp', async (azure, _imds, collect) => {
    await azure.define(azureIndices.userData, 32)
    expect(failures('az-snp-vtpm', await collect())).toEqual([])
  })
})

describe('what goes wrong is said', () => {
  const refused = (error: Promise<unknown>, message: RegExp, remedy: RegExp) =>
    expect(error).rejects.toMatchObject({
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    })

  withPeers(peers, 'user-data that never appears, after a bounded wait', async () => {
    await withAzure('snp', async (azure, imds, collect) => {
      azure.takes = 'never'
      await refused(collect(), /another value stands there after 18 s/, /try again/)
      expect(azure.waited).toBe(18_000)
      expect(imds.requests).toEqual([])
    })
  })

  withPeers(peers, 'a paravisor that does not know user-data', async () => {
    await withAzure('snp', async (azure, _imds, collect) => {
      azure.takes = 'unknown'
      await refused(collect(), /does not take user-data/, /newer image generation/)
    })
  })

  withPeers(peers, 'an HCL report of the other kind, none, and one that cannot be read', async () => {
    await withAzure('snp', async (azure, _imds, collect) => {
      const collector = azureCollector('az-snp-vtpm', { open: azure.open })
      await azure.put(hclReport('tdx', { n: Buffer.alloc(256, 0xc1).toString('base64url'), e: 'AQAB' }, null))
      expect(await collector.missing(azure.ports())).toBe('az-snp-vtpm: the HCL report is one of tdx')
      await refused(collect(), /one of tdx/, /Choose the technology/)
      await azure.put(Buffer.alloc(1300, 1))
      expect(await collector.missing(azure.ports())).toMatch(/no HCLA signature/)
      await azure.remove(azureIndices.report)
      expect(await collector.missing(azure.ports())).toMatch(/no confidential VM of Azure/)
    })
  })

  withPeers(peers, 'an attestation key that is gone, or another one', async () => {
    await withAzure('snp', async (azure, _imds, collect) => {
      azure.tools('evictcontrol', '-C', 'o', '-c', '0x81000003')
      await refused(collect(), /no attestation key at 0x81000003/, /redeploy/)
      azure.tools('createprimary', '-C', 'o', '-G', 'rsa2048', '-c', join(azure.tpm.directory, 'x.ctx'))
      azure.tools('evictcontrol', '-C', 'o', '-c', join(azure.tpm.directory, 'x.ctx'), '0x81000003')
      azure.tools('flushcontext', '-t')
      await expect(collect()).rejects.toMatchObject({ code: 'key-mismatch' })
    })
  })

  test('no TPM device', async () => {
    expect(await azureCollector('az-snp-vtpm').missing(testPorts())).toMatch(/^az-snp-vtpm: the device .*tpmrm0 is not/)
  })

  test('a TPM device that is no TPM', async () => {
    const ports = testPorts()
    mkdirSync(ports.roots.dev, { recursive: true })
    writeFileSync(join(ports.roots.dev, 'tpmrm0'), '')
    expect(await azureCollector('az-snp-vtpm').missing(ports)).toMatch(/^az-snp-vtpm: /)
  })
})

describe('metadata service', () => {
  const ports = () => {
    const base = testPorts()
    return { ...base, clock: { ...base.clock, sleep: async () => {} } }
  }
  const ask = async (answers: ({ status: number; body: string } | null)[], quote = false) => {
    const imds = await startImds(() => answers.shift() ?? null)
    try {
      const asked = imds.ports(ports())
      return { value: await (quote ? tdQuote(Buffer.alloc(1024), asked) : amdCertification(asked)), imds }
    } finally {
      await imds.close()
    }
  }

  test('is the link-local address, over plain HTTP', () => {
    expect(imdsUrl).toBe('http://169.254.169.254')
  })

  test('is asked again when it is busy or being updated', async () => {
    const good = { status: 200, body: certification }
    const { value, imds } = await ask([{ status: 429, body: '' }, { status: 410, body: '' }, good])
    expect(value.equals(leaf)).toBe(true)
    expect(imds.requests).toHaveLength(3)
  })

  test.each<[string, ({ status: number; body: string } | null)[], string, RegExp]>([
    ['a machine that has no such page', [{ status: 404, body: '' }], 'tool-failed', /status 404/],
    ['a redirect', [{ status: 302, body: '' }], 'tool-failed', /status 302/],
    ['text that is no JSON', [{ status: 200, body: '<html>' }], 'tool-failed', /no answer of this service/],
    ['an answer without the member', [{ status: 200, body: '{}' }], 'tool-failed', /no answer of this service/],
    [
      'a certificate that is none',
      [{ status: 200, body: JSON.stringify({ vcekCert: 'x', certificateChain: '' }) }],
      'tool-failed',
      /not one certificate/,
    ],
    ['a connection that is cut, three times', [null, null, null], 'unreachable', /does not answer/],
    ['errors that stay', [500, 500, 500].map((status) => ({ status, body: '' })), 'tool-failed', /status 500/],
  ])('%s is an error', async (_what, answers, code, message) => {
    await expect(ask(answers)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('a quote that is no base64url is an error', async () => {
    await expect(ask([{ status: 200, body: '{"quote":"*"}' }], true)).rejects.toThrow('base64url')
  })

  test('a service that hangs is given up', async () => {
    const imds = await startImds(() => 'silence')
    try {
      const base = imds.ports(ports())
      const http = { ...base.http, request: (url: string) => base.http.request(url, { timeoutMs: 50 }) }
      await expect(amdCertification({ ...base, http })).rejects.toMatchObject({ code: 'timeout' })
    } finally {
      await imds.close()
    }
  })
})

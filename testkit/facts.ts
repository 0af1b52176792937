import type { Technology } from '../src/base/technology.ts'
import type { AzureFacts } from '../src/tee/facts/azure.ts'
import type { LogFacts } from '../src/tee/facts/log.ts'
import type { SnpFacts } from '../src/tee/facts/snp.ts'
import type { TdxFacts, TdxPlatformFacts, TdxQuoteFacts, TdxTcbFacts } from '../src/tee/facts/tdx.ts'
import type { QuoteFacts, TpmFacts, TrustFacts } from '../src/tee/facts/tpm.ts'
import type { Judged, TeeVerdict } from '../src/tee/types.ts'

/** What a test changes of a good machine's facts. Null stands for a part that could not be read. */
export interface FactsChange {
  snp?: Partial<SnpFacts> | null
  tdx?: Partial<TdxQuoteFacts> | null
  platform?: Partial<TdxPlatformFacts> | null
  tcb?: Partial<TdxTcbFacts> | null
  quote?: Partial<QuoteFacts> | null
  trust?: Partial<TrustFacts>
  log?: LogFacts
}

export const goodChip = 'ab'.repeat(64)
export const goodPpid = 'cd'.repeat(16)
const tcb = { fmc: null, bootloader: 4, tee: 0, snp: 20, microcode: 209 }

export function snpFactsOf(change: Partial<SnpFacts> = {}): SnpFacts {
  const bits = { raplDisabled: false, ciphertextHiding: false }
  return {
    version: 3,
    line: 'Milan',
    product: 'Milan-B0',
    keyKind: 'vcek',
    csp: null,
    guestSvn: 0,
    vmpl: 0,
    policy: {
      ...bits,
      value: '0x30000',
      abiMajor: 0,
      abiMinor: 0,
      smtAllowed: true,
      migrationAgentAllowed: false,
      debugAllowed: false,
      singleSocket: false,
      cxlAllowed: false,
      aes256Xts: false,
      pageSwapDisabled: false,
    },
    platform: {
      ...bits,
      value: '0x1',
      smtEnabled: true,
      tsmeEnabled: false,
      eccEnabled: false,
      aliasCheckComplete: false,
      iommuWriteSafe: false,
      tioEnabled: false,
    },
    familyId: '00'.repeat(16),
    imageId: '00'.repeat(16),
    reportData: '00'.repeat(64),
    measurement: 'aa'.repeat(48),
    hostData: '00'.repeat(32),
    idKeyDigest: '00'.repeat(48),
    authorKey: false,
    authorKeyDigest: '00'.repeat(48),
    reportId: '01'.repeat(32),
    reportIdMa: 'ff'.repeat(32),
    chipId: goodChip,
    chipKeyMasked: false,
    cpuid: { family: 25, model: 1, stepping: 1 },
    firmware: { current: '1.55.1', committed: '1.55.1' },
    tcb: { current: tcb, reported: tcb, committed: tcb, launch: tcb },
    mitigations: null,
    revocationChecked: true,
    ...change,
  }
}

export function tdxFactsOf({ tdx = {}, platform = {}, tcb: level = {}, log }: FactsChange = {}): TdxFacts {
  return {
    quote: {
      version: 4,
      'body-type': 2,
      'tee-tcb-svn': '00'.repeat(16),
      'mr-seam': '00'.repeat(48),
      'mr-signer-seam': '00'.repeat(48),
      'seam-attributes': '00'.repeat(8),
      'td-attributes': '0000000010000000',
      'td-attributes-set': ['SEPT_VE_DISABLE'],
      debug: false,
      'sept-ve-disable': true,
      migratable: false,
      xfam: '0000000000000003',
      'mr-td': '11'.repeat(48),
      'mr-config-id': '00'.repeat(48),
      'mr-owner': '00'.repeat(48),
      'mr-owner-config': '00'.repeat(48),
      rtmr: ['00', '00', '00', '00'],
      'report-data': '00'.repeat(64),
      'tee-tcb-svn2': null,
      'mr-service-td': null,
      'user-data': '00'.repeat(20),
      'qe-mr-enclave': '00'.repeat(32),
      'qe-isv-svn': 8,
      'trailing-bytes': 0,
      'trailing-zero': true,
      ...tdx,
    },
    platform:
      platform === null
        ? null
        : {
            ppid: goodPpid,
            fmspc: '00806f050000',
            'pce-id': '0000',
            'pce-svn': 11,
            'sgx-components': [],
            'sgx-type': 1,
            'platform-instance-id': null,
            ...platform,
          },
    collateral: level === null ? null : 'current',
    module: level === null ? null : 'TDX_01',
    tcb:
      level === null
        ? null
        : {
            'tcb-status': 'UpToDate',
            'tcb-status-platform': 'UpToDate',
            'tcb-status-module': null,
            'tcb-status-qe': 'UpToDate',
            'tcb-date': '2026-01-01T00:00:00.000Z',
            advisories: [],
            'tcb-evaluation': 17,
            ...level,
          },
    log: log ?? null,
  }
}

export function quoteFactsOf(change: Partial<QuoteFacts> = {}): QuoteFacts {
  return {
    ak: 'sha256:00',
    scheme: 'rsassa-sha256',
    qualifiedSigner: '00',
    qualifyingData: '00',
    clock: '5',
    resetCount: 1,
    restartCount: 0,
    safe: true,
    firmwareVersion: '0000000000000001',
    selection: 'sha256:0',
    pcrDigest: '00',
    pcrBank: 'sha256',
    pcrs: {},
    ...change,
  }
}

export function tpmFactsOf({ quote = {}, trust = {}, log }: FactsChange = {}): TpmFacts {
  return {
    quote: quote === null ? null : quoteFactsOf(quote),
    trust: {
      softwareTpm: false,
      akPinned: false,
      akCertificate: null,
      ekCertificate: null,
      akActivation: null,
      ...trust,
    },
    area: null,
    log: log === undefined ? null : { ...log, startupLocality: 0 },
    ima: null,
  }
}

function azureFactsOf<Processor>(report: Processor | null, { quote = {}, log }: FactsChange): AzureFacts<Processor> {
  return {
    evidenceVersion: 2,
    hclVersion: 2,
    akUses: ['sign'],
    vmConfiguration: {},
    userData: '00',
    userDataBound: true,
    report,
    quote: quote === null ? null : quoteFactsOf(quote),
    log: log === undefined ? null : { ...log, startupLocality: 0 },
    ima: null,
  }
}

/** A verdict on a good machine, made by hand, with some facts changed. */
export function verdictWith(
  technology: Technology,
  change: FactsChange = {},
  more: Partial<Omit<Judged<never>, 'facts'>> = {},
): TeeVerdict {
  const base: Judged<never> = {
    status: 'verified',
    facts: null,
    measured: {},
    register: null,
    checks: [],
    machine: 'm',
    ...more,
  }
  const { snp = {}, tdx = {} } = change
  switch (technology) {
    case 'snp':
      return { ...base, technology, facts: snp === null ? null : snpFactsOf(snp) }
    case 'tdx':
      return { ...base, technology, facts: tdx === null ? null : tdxFactsOf(change) }
    case 'az-snp-vtpm':
      return { ...base, technology, facts: azureFactsOf(snp === null ? null : snpFactsOf(snp), change) }
    case 'az-tdx-vtpm':
      return { ...base, technology, facts: azureFactsOf(tdx === null ? null : tdxFactsOf(change), change) }
    case 'tpm':
      return { ...base, technology, facts: tpmFactsOf(change) }
    case 'sample':
      return { ...base, technology, facts: { svn: '1' } }
  }
}

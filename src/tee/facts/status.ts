import type { JsonValue } from '../../base/json.ts'
import { plain } from './json.ts'
import { processorOf, tpmQuoteOf } from './processor.ts'
import type { SnpFacts } from './snp.ts'
import type { TdxFacts } from './tdx.ts'
import type { QuoteFacts, TrustFacts } from './tpm.ts'
import type { TechnologyFacts } from './types.ts'

/** The facts that state how good a machine is, as a verdict file stores them; unknown ones are left out. */
export function statusFacts(verdict: TechnologyFacts): Record<string, JsonValue> {
  const processor = processorOf(verdict)
  const quote = tpmQuoteOf(verdict)
  return known({
    ...(processor.kind === 'snp' && processor.facts !== null ? snpStatus(processor.facts) : {}),
    ...(processor.kind === 'tdx' && processor.facts !== null ? tdxStatus(processor.facts) : {}),
    ...(verdict.technology === 'tpm' && verdict.facts !== null ? trustStatus(verdict.facts.trust) : {}),
    ...(quote === undefined || quote === null ? {} : quoteStatus(quote)),
  })
}

function snpStatus({ product, csp, vmpl, tcb, firmware, revocationChecked }: SnpFacts): object {
  return { product, csp, vmpl, tcb, firmware, revocationChecked }
}

function tdxStatus({ quote, platform, tcb }: TdxFacts): object {
  return {
    'tcb-status': tcb?.['tcb-status'],
    'tcb-date': tcb?.['tcb-date'],
    'tcb-evaluation': tcb?.['tcb-evaluation'],
    advisories: tcb?.advisories,
    'sept-ve-disable': quote['sept-ve-disable'],
    fmspc: platform?.fmspc,
  }
}

function trustStatus({ softwareTpm, akPinned, ekCertificate, akCertificate }: TrustFacts): object {
  return {
    softwareTpm,
    akPinned,
    ekCertificate: ekCertificate === null ? null : known(ekCertificate),
    akCertificate: akCertificate === null ? null : known(akCertificate),
  }
}

function quoteStatus({ firmwareVersion, resetCount, restartCount, clock }: QuoteFacts): object {
  return { firmwareVersion, resetCount, restartCount, clock }
}

function known(record: object): Record<string, JsonValue> {
  return Object.fromEntries(Object.entries(plain(record)).filter(([, value]) => value !== null))
}

import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { TeeVerdict } from '../types.ts'
import type { AzureFacts } from './azure.ts'
import type { EventFact, LogFacts, Measured } from './log.ts'
import type { SnpFacts } from './snp.ts'
import type { TdxFacts } from './tdx.ts'
import type { ImaFacts, TpmFacts, TpmLogFacts } from './tpm.ts'
import type { TechnologyFacts } from './types.ts'

/**
 * The written form of a verdict's facts, for reports and `--json`: one flat object for each technology (Azure's with the processor's under
 * `report` and the quote's under `quote`). A group that is not known is left out. No rule reads this form.
 */
export function factsJson(verdict: TechnologyFacts): JsonObject {
  switch (verdict.technology) {
    case 'snp':
      return verdict.facts === null ? {} : snpJson(verdict.facts)
    case 'tdx':
      return verdict.facts === null ? {} : tdxJson(verdict.facts)
    case 'az-snp-vtpm':
      return verdict.facts === null ? {} : azureJson(verdict.facts, snpJson)
    case 'az-tdx-vtpm':
      return verdict.facts === null ? {} : azureJson(verdict.facts, tdxJson)
    case 'tpm':
      return verdict.facts === null ? {} : tpmJson(verdict.facts)
    case 'sample':
      return verdict.facts === null ? {} : { ...verdict.facts, hardware: false }
  }
}

/** The written form of a whole verdict, for `--json` and the details of a report. */
export function verdictJson(verdict: TeeVerdict): JsonObject {
  const { technology, status, measured, register, checks, machine } = verdict
  return {
    technology,
    status,
    facts: factsJson(verdict),
    measured,
    machine,
    register: register === null ? null : plain(register),
    checks: checks.map(({ name, ok, why }) => ({ name, ok, why })),
  }
}

function snpJson({ revocationChecked, ...facts }: SnpFacts): JsonObject {
  return { ...plain(facts), ...(revocationChecked === null ? {} : { revocationChecked }) }
}

function tdxJson({ quote, platform, collateral, module, tcb, log }: TdxFacts): JsonObject {
  return {
    ...plain(quote),
    ...plain(platform ?? {}),
    collateral,
    ...(module === null ? {} : { 'tdx-module': module }),
    ...plain(tcb ?? {}),
    ...logJson(log),
  }
}

function tpmJson({ quote, trust, area, log, ima }: TpmFacts): JsonObject {
  return {
    ...plain(quote ?? {}),
    ...plain(trust),
    ...plain(area ?? { akAttributes: null, akName: null, akPrimaryUnder: null }),
    ...tpmLogJson({ log, ima }),
  }
}

function azureJson<P>(
  { report, quote, log, ima, ...facts }: AzureFacts<P>,
  inner: (facts: P) => JsonObject,
): JsonObject {
  return {
    platform: 'azure',
    ...plain(facts),
    report: report === null ? null : inner(report),
    quote: plain(quote ?? {}),
    ...tpmLogJson({ log, ima }),
  }
}

function tpmLogJson({ log, ima }: TpmLogFacts): JsonObject {
  return {
    ...(log === null ? {} : { startupLocality: log.startupLocality }),
    ...logJson(log),
    ...(ima === null ? {} : imaJson(ima)),
  }
}

function logJson(log: LogFacts | null): JsonObject {
  return log === null ? {} : { eventLog: log.events.map(eventJson), eventLogFindings: log.findings }
}

function imaJson({ rule, bootAggregate, violations, unread, files }: ImaFacts): JsonObject {
  return {
    imaRule: rule,
    imaBootAggregate: bootAggregate,
    imaViolations: violations,
    imaUnread: unread,
    imaFiles: files.map(({ path, algorithm, digest }) => ({ path, [algorithm]: digest })),
  }
}

function eventJson({ measured, ...event }: EventFact): JsonObject {
  return { ...plain(event), measured: measured === null ? null : measuredJson(measured) }
}

/** What an event's digest covers, as it is written. */
export function measuredJson(measured: Measured): JsonObject {
  const { kind: _kind, ...written } = measured
  return plain(written)
}

/** A record of facts as JSON. @throws Error for a value that JSON does not have, which would be a defect of ours */
export function plain(record: object): JsonObject {
  return Object.fromEntries(
    Object.entries(record).flatMap(([name, value]: [string, unknown]) =>
      value === undefined ? [] : [[name, plainValue(value, name)]],
    ),
  )
}

function plainValue(value: unknown, name: string): JsonValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (Array.isArray(value)) return value.map((item: unknown) => plainValue(item, name))
  if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null))
    return plain(value)
  throw new Error(`the fact ${name} has no form in JSON`)
}

import { gunzipSync } from 'node:zlib'
import { isObject, type JsonObject } from '../../../base/json.ts'
import { openCmw, openTsm } from './cmw.ts'
import { openDstack } from './dstack.ts'
import { bytesIn, objectIn, refuse, type Part } from './part.ts'

/** Files of other programs with a report or quote inside. */
export const heldFormats = ['dstack', 'tinfoil', 'configfs-tsm', 'cmw', 'platform-evidence', 'unified-quote'] as const
export type HeldFormat = (typeof heldFormats)[number]

type Shape = readonly [
  format: HeldFormat,
  fits: (value: JsonObject) => boolean,
  open: (value: JsonObject, subject: string) => Part[],
]

const isText = (value: unknown): boolean => typeof value === 'string'
const isBytes = (value: unknown): boolean => isText(value) || Array.isArray(value)
const quoteNames = ['quote', 'platform_quote', 'raw_quote_hex'] as const

/** Members that tell each; none of them is CoCo's form or ours. */
const shapes: readonly Shape[] = [
  ['configfs-tsm', (value) => isBytes(value['outblob']), (value) => openTsm(value)],
  ['tinfoil', (value) => isTinfoil(value) || isObject(value['enclaveAttestationReport']), openTinfoil],
  ['cmw', (value) => '__cmwc_t' in value || (isText(value['eat_profile']) && isText(value['cmw'])), openCmw],
  ['platform-evidence', (value) => isText(value['platform']) && isObject(value['evidence']), openPlatform],
  [
    'unified-quote',
    (value) => isText(value['platform']) && quoteNames.some((name) => isBytes(value[name])),
    openUnified,
  ],
  [
    'dstack',
    (value) =>
      (isBytes(value['quote']) && ('event_log' in value || 'vm_config' in value)) ||
      (isText(value['attestation']) && Object.keys(value).length === 1),
    openDstack,
  ],
]

/** Which of these a JSON object is; null for none. */
export function heldShape(value: JsonObject): { format: HeldFormat; open: (subject: string) => Part[] } | null {
  const found = shapes.find(([, fits]) => fits(value))
  return found === undefined ? null : { format: found[0], open: (subject) => found[2](value, subject) }
}

const tinfoil = /^https:\/\/tinfoil\.sh\/predicate\/(sev-snp|tdx)-guest\/v(\d+)$/

function isTinfoil({ format, body }: JsonObject): boolean {
  return typeof format === 'string' && format.startsWith('https://tinfoil.sh/predicate/') && isText(body)
}

/** A bundle (`enclaveAttestationReport`, `vcek`), or the attestation document alone. From version 2 on the body is packed by gzip. */
function openTinfoil(value: JsonObject, subject: string): Part[] {
  const document = isTinfoil(value) ? value : objectIn(value, 'enclaveAttestationReport')
  const version = tinfoil.exec(String(document['format']))?.[2]
  if (version === undefined)
    throw refuse(
      subject,
      `is Tinfoil's document of form "${String(document['format'])}", which holds no hardware evidence known here`,
    )
  const body = bytesIn(document['body'], 'body')
  const vcek = value['vcek']
  return [
    {
      name: 'body',
      evidence: body[0] === 0x1f && body[1] === 0x8b ? unpack(body) : body,
      certificates: typeof vcek === 'string' && vcek !== '' ? [bytesIn(vcek, 'vcek')] : [],
      notes: 'sigstoreBundle' in value ? ['the Sigstore bundle and the TLS certificate beside it were not judged'] : [],
    },
  ]
}

function unpack(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: 1 << 20 })
  } catch {
    throw refuse('body', 'cannot be unpacked by gzip, or is larger than 1 MiB')
  }
}

/** `{platform, evidence}` of attestation-rs: raw SNP reports and quotes in base64, Azure's evidence in CoCo's form. */
function openPlatform(value: JsonObject, subject: string): Part[] {
  const evidence = objectIn(value, 'evidence')
  const platform = String(value['platform'])
  if (isBytes(evidence['attestation_report'])) {
    const chain = evidence['cert_chain']
    const certificates = isObject(chain)
      ? Object.entries(chain).flatMap(([name, der]) => (der === null ? [] : [bytesIn(der, name)]))
      : []
    return [
      {
        name: 'attestation_report',
        evidence: bytesIn(evidence['attestation_report'], 'attestation_report'),
        certificates,
      },
    ]
  }
  if ('hcl_report' in evidence || isObject(evidence['attestation_report'])) return [{ name: 'evidence', evidence }]
  if (platform === 'dstack' && 'quote' in evidence) return openDstack(evidence, subject)
  if (isBytes(evidence['quote'])) {
    const log = evidence['cc_eventlog']
    return [
      {
        name: 'quote',
        evidence: bytesIn(evidence['quote'], 'quote'),
        eventLog: log === undefined || log === null ? null : bytesIn(log, 'cc_eventlog'),
      },
    ]
  }
  throw refuse(subject, `is evidence of platform "${platform}", which cannot be verified here`)
}

/** `{platform, quote …}` of unified-quote: the quote in hex, with the host's certificate table behind an SNP report. */
function openUnified(value: JsonObject): Part[] {
  return quoteNames.flatMap((name) => (isBytes(value[name]) ? [{ name, evidence: bytesIn(value[name], name) }] : []))
}

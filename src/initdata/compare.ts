import type { Check } from '../base/check.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import { printable } from '../base/printable.ts'
import type { Technology } from '../base/technology.ts'
import { fromInitdataAnnotation, initdataAnnotation } from './annotation.ts'
import { initdataFields, keepsWhole, platformOf } from './bindings.ts'
import { initdataClaim } from './claim.ts'
import { readInitdata } from './document.ts'
import type { MadeInitdata } from './make.ts'

/** Initdata by the name that the reader gave it. */
export interface NamedInitdata extends MadeInitdata {
  readonly path: string
}

/**
 * Compares initdata with what evidence of one technology holds. Nothing of the evidence is verified here.
 *
 * @param held lower-case hex of HOST_DATA, MRCONFIGID or PCR 8; null where the evidence has no such value
 */
export function compareBound(made: NamedInitdata, technology: Technology, held: string | null): Check {
  const name = 'evidence'
  if (technology === 'sample') return { name, ok: false, why: 'sample evidence is bound to no initdata' }
  const field = initdataFields[platformOf(technology)].name
  if (held === null) return { name, ok: false, why: `the ${technology} evidence has no ${field}` }
  const expected = expectedOf(made, technology)
  if (expected === null) return { name, ok: false, why: cut(made, field) }
  if (held === expected) return { name, ok: true, why: `${field} is the digest of ${made.path}` }
  const unset = /^0*$/.test(held) ? ': the guest was started without initdata' : ''
  return { name, ok: false, why: `${field} is ${held}${unset}; ${made.path} gives ${expected}` }
}

/**
 * Compares initdata with the claim `init_data` of each device of a Trustee token (EAR). A device other than `cpu0` may be without one: initdata
 * belongs to the primary evidence.
 *
 * @param claims payload of the token, whose signature is not checked here
 */
export function compareClaims(made: NamedInitdata, claims: JsonObject): Check[] {
  const submods = isObject(claims['submods']) ? claims['submods'] : {}
  if (!Object.hasOwn(submods, 'cpu0')) return [{ name: 'token', ok: false, why: 'the token has no submodule cpu0' }]
  return Object.entries(submods).flatMap(([device, appraisal]) => {
    const evidence = isObject(appraisal) ? appraisal['ear.veraison.annotated-evidence'] : undefined
    const claim = isObject(evidence) ? evidence['init_data'] : undefined
    if (claim === undefined && device !== 'cpu0') return []
    return [{ name: `token ${printable(device)}`, ...claimFault(made, isObject(evidence) ? evidence : {}, claim) }]
  })
}

function claimFault(made: NamedInitdata, evidence: JsonObject, claim: JsonValue | undefined): Omit<Check, 'name'> {
  if (typeof claim !== 'string')
    return { ok: false, why: 'there is no claim init_data: the verifier was given no initdata, so it compared none' }
  const named = technologiesOf(evidence)
  // Azure's vTPM and SNP stand side by side in one token: the vTPM holds the initdata.
  const [technology] = named
  if (technology === undefined) return { ok: false, why: 'the token names no technology that is known here' }
  const expected = expectedOf(made, technology)
  if (expected === null) return { ok: false, why: cut(made, `the claim init_data of ${technology}`) }
  if (claim === expected) return { ok: true, why: `init_data is the digest of ${made.path}` }
  return { ok: false, why: `init_data is ${printable(claim)}; ${made.path} gives ${expected}` }
}

function technologiesOf(evidence: JsonObject): Technology[] {
  const order = ['az-snp-vtpm', 'az-tdx-vtpm', 'tpm', 'snp', 'tdx', 'sample'] as const
  return order.filter((one) => Object.hasOwn(evidence, one))
}

/** Compares initdata with another document, byte by byte; what differs in it is named. @param name what holds the other document */
export function compareDocument(made: NamedInitdata, other: Buffer, name: string): Check {
  if (other.equals(made.bytes)) return { name, ok: true, why: `holds ${made.path}, byte for byte` }
  const mine = readInitdata(made.bytes, made.path)
  const theirs = readInitdata(other, name)
  const faults: string[] = []
  if (mine.algorithm !== theirs.algorithm) faults.push(`algorithm is ${theirs.algorithm}, not ${mine.algorithm}`)
  for (const [file, text] of mine.files) {
    const held = theirs.files.get(file)
    if (held === undefined) faults.push(`${file} is missing`)
    else if (held !== text) faults.push(`${file} differs from line ${firstDifference(text, held)} on`)
  }
  for (const file of theirs.files.keys()) if (!mine.files.has(file)) faults.push(`${file} is added`)
  if (faults.length === 0) faults.push('the same files in other bytes, which have another digest')
  return { name, ok: false, why: faults.join('; ') }
}

/** Compares initdata with the value of an annotation: other compressions of the same document are the same. */
export function compareAnnotation(made: NamedInitdata, value: string, name: string): Check {
  return compareDocument(made, fromInitdataAnnotation(value), name)
}

/**
 * Values of the initdata annotation in Kubernetes manifests: of pods, and of what makes pods.
 *
 * @param documents the parsed documents of a file
 */
export function annotationsIn(documents: readonly JsonValue[]): string[] {
  const found: string[] = []
  const walk = (value: JsonValue): void => {
    if (Array.isArray(value)) value.forEach(walk)
    else if (isObject(value)) {
      const annotations = value['annotations']
      const text = isObject(annotations) ? annotations[initdataAnnotation] : undefined
      if (typeof text === 'string') found.push(text)
      Object.values(value).forEach(walk)
    }
  }
  documents.forEach(walk)
  return found
}

/** Null where the platform would cut the digest. */
function expectedOf(made: MadeInitdata, technology: Technology): string | null {
  const digest = Buffer.from(made.digest, 'hex')
  const isWhole = technology === 'sample' || keepsWhole(platformOf(technology), digest.length)
  return isWhole ? initdataClaim(digest, technology) : null
}

function cut({ algorithm, path }: NamedInitdata, place: string): string {
  return `${place} does not keep a whole ${algorithm} digest: use algorithm = "sha256" in ${path}`
}

function firstDifference(one: string, other: string): number {
  const lines = one.split('\n')
  const others = other.split('\n')
  let at = 0
  while (at < lines.length && lines[at] === others[at]) at++
  return at + 1
}

/**
 * Reasons for which something is refused: a closed, stable set (TRUST §8). They stand in verdicts, in `--json` output
 * and in the demo's table; a new one may be added, none may change its meaning.
 */
export const reasonCodes = [
  'unsealed',
  'role-mismatch',
  'not-admitted',
  'admission-refused',
  'admission-policy',
  'foreign-image',
  'token-key-mismatch',
  'token-invalid',
  'token-expired',
  'job-self-asserted',
  'job-refused',
  'instance-mixed',
  'instance-mismatch',
  'key-mismatch',
  'binding-mismatch',
  'journal-broken',
  'journal-key-mismatch',
  'time-unproven',
  'timestamp-invalid',
  'self-timed',
  'coverage-short',
  'machine-only',
  'storage-exposed',
  'machine-refused',
  'register-mismatch',
  'not-checked',
  'signature-only',
  'signature-invalid',
  'replayed',
  'expired',
  'denied',
  'subject-mismatch',
  'digest-mismatch',
  'predicate-mismatch',
  'missing-statement',
  'missing-blob',
  'missing-evidence',
  'builder-mismatch',
  'source-mismatch',
  'not-reproducible',
  'evidence-invalid',
  'technology-refused',
  'sbom-differs',
  'sbom-incomplete',
  'encryption-link',
  'decryption-failed',
  'path-escape',
  'archive-ambiguous',
  'format-invalid',
  'policy-invalid',
  'policy-unsafe',
  'self-verified',
  'launch-refused',
  'index-unattested',
  'claimed-steps',
  'isolation-short',
  'key-exposed',
  'parameters-refused',
  'rolled-back',
  'claim-signer',
  'severity-exceeded',
  'tests-failed',
  'log-broken',
  'unwitnessed',
  'unlogged',
  'log-invalid',
  'certificate-invalid',
  'identity-mismatch',
  'notation-missing',
  'notation-invalid',
  'scitt-missing',
  'scitt-invalid',
  'revocation-unknown',
  'revoked',
] as const
export type ReasonCode = (typeof reasonCodes)[number]

/** What the user typed or configured is wrong: fix it. */
export const inputCodes = [
  'input-invalid',
  'input-missing',
  'reference-invalid',
  'file-missing',
  'file-invalid',
  'tool-missing',
  'unsupported',
  'state-conflict',
  'no-agent',
  'no-policy',
  'not-found',
  'exists',
  'disk-full',
  'no-access',
] as const
export type InputCode = (typeof inputCodes)[number]

/** Something outside did not answer as it should: try again. */
export const transportCodes = [
  'unreachable',
  'timeout',
  'unauthorized',
  'registry-error',
  'kbs-error',
  'oidc-error',
  'agent-error',
  'tool-failed',
  'collateral-error',
  'timestamp-error',
  'log-error',
  'sigstore-error',
] as const
export type TransportCode = (typeof transportCodes)[number]

export type ErrorCode = ReasonCode | InputCode | TransportCode | 'internal'

export interface ErrorDetails {
  /** What the error is about: an input's name, a reference, a digest, a path. */
  readonly subject?: string | undefined
  /** What the reader should do. */
  readonly remedy?: string | undefined
  readonly cause?: unknown
}

/** Exit codes of the command line (INTERFACE §4). */
export const exitCodes = { ok: 0, refused: 1, usage: 2, transport: 3, internal: 4 } as const

/** Base of all errors that we raise on purpose: a stable code, the subject, the remedy, the cause. */
export abstract class SealwrightError extends Error {
  abstract readonly code: ErrorCode
  abstract readonly exitCode: number
  readonly subject: string | undefined
  readonly remedy: string | undefined

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.subject = details.subject
    this.remedy = details.remedy
  }
}

/** The reader must fix what was typed, configured or installed. Exit code 2. */
export class InputError extends SealwrightError {
  readonly code: InputCode
  readonly exitCode = exitCodes.usage
  constructor(code: InputCode, message: string, details?: ErrorDetails) {
    super(message, details)
    this.code = code
  }
}

/** The network, a registry, a KBS or a tool failed: trying again may help. Exit code 3. */
export class TransportError extends SealwrightError {
  readonly code: TransportCode
  readonly exitCode = exitCodes.transport
  constructor(code: TransportCode, message: string, details?: ErrorDetails) {
    super(message, details)
    this.code = code
  }
}

/** What was read is not what it claims to be: stop. Exit code 1. */
export class VerificationError extends SealwrightError {
  readonly code: ReasonCode
  readonly exitCode = exitCodes.refused
  constructor(code: ReasonCode, message: string, details?: ErrorDetails) {
    super(message, details)
    this.code = code
  }
}

/** A defect of ours. Exit code 4. */
export class InternalError extends SealwrightError {
  readonly code = 'internal' as const
  readonly exitCode = exitCodes.internal
}

/** The form of an error in `--json` output and reports (INTERFACE §4). */
export interface ErrorRecord {
  code: ErrorCode
  message: string
  subject: string | null
  remedy: string | null
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Any thrown value as one of ours; what we did not raise ourselves is an internal error that keeps its cause. */
export function toSealwrightError(error: unknown): SealwrightError {
  if (error instanceof SealwrightError) return error
  const system = systemError(error)
  if (system !== null) return system
  return new InternalError(messageOf(error), { cause: error, remedy: 'This looks like a defect: please report it.' })
}

/** The error as it is told. A parser knows where a file goes wrong, not what else the reader could have named: then a general remedy is told. */
export function errorRecord(error: unknown): ErrorRecord {
  const e = toSealwrightError(error)
  const remedy = e.remedy ?? (e.code === 'format-invalid' ? wholeFile : null)
  return { code: e.code, message: e.message, subject: e.subject ?? null, remedy }
}

const wholeFile = 'Check that this is the file that was meant, whole and as its maker wrote it.'

/** What a full disk, or a folder that one may not write, is called by the system (errno(3)). */
const systemReasons: Readonly<Record<string, readonly [InputCode, why: string, remedy: string]>> = {
  ENOSPC: ['disk-full', 'the disk is full', 'Free space there, or use a folder on another disk, then run it again.'],
  EDQUOT: ['disk-full', 'the disk quota is used up', 'Free space there, or use another folder, then run it again.'],
  EFBIG: ['disk-full', 'the file would be larger than this process may write', 'Raise the limit (`ulimit -f`).'],
  EROFS: ['no-access', 'the file system is read-only', 'Use a folder that can be written.'],
  EACCES: ['no-access', 'this user has no permission', 'Use a folder that this user may read and write.'],
  EPERM: ['no-access', 'this user has no permission', 'Use a folder that this user may read and write.'],
}

/** A failure of the system that the reader can mend, with the path that it names; null for all else. */
export function systemError(error: unknown): InputError | null {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('syscall' in error)) return null
  const [code, why, remedy] = systemReasons[String(error.code)] ?? []
  if (code === undefined || why === undefined) return null
  const dest = 'dest' in error && typeof error.dest === 'string' ? error.dest : undefined
  const path = dest ?? ('path' in error && typeof error.path === 'string' ? error.path : undefined)
  const place = path === undefined ? 'a file' : `"${path}"`
  return new InputError(code, `${place} cannot be ${verbOf(String(error.syscall))}: ${why}`, {
    subject: path,
    remedy,
    cause: error,
  })
}

function verbOf(syscall: string): string {
  if (/^(?:write|fsync|fdatasync|close|rename|mkdir|link|symlink|copyfile|ftruncate)/.test(syscall)) return 'written'
  return /^(?:unlink|rm)/.test(syscall) ? 'removed' : 'opened'
}

/** An error of an open file with the path that was written: the system names it only when it opens one. */
export function withPath(error: unknown, path: string | Uint8Array): unknown {
  if (typeof error === 'object' && error !== null && 'syscall' in error && !('path' in error))
    Object.assign(error, { path: Buffer.from(path).toString() })
  return error
}

import type { JsonObject, JsonValue } from './json.ts'
import type { ByteSource } from './streams.ts'

/**
 * Everything that reaches outside comes in through one `Ports` value, made at the door (DESIGN §3). Tests pass their own.
 */
export interface Ports {
  readonly clock: Clock
  /** `n` random bytes from a cryptographic source. */
  readonly random: (n: number) => Buffer
  readonly http: Http
  readonly exec: Exec
  readonly log: Log
  readonly env: Readonly<Record<string, string | undefined>>
  readonly roots: Roots
  /** Absolute path of the program that threads of ours run; without it all work stays in one thread, with equal results. */
  readonly threads?: string | undefined
  /** Set in a worker of the agent: layouts and credentials are the step's, which reads them with its own rights (TRUST §4). */
  readonly remote?: Remote | undefined
  /** When the whole run must have ended, on {@link Clock.monotonic}, in ms: nobody waits beyond it. Set by `cancellable`. */
  readonly deadline?: number | undefined
  /** Ends the run; its reason is the error. Set by `cancellable`, for what waits for something else than a request. */
  readonly ending?: AbortSignal | undefined
}

/** What a worker asks of the step that handed in its task. */
export interface Remote {
  /** One operation on an OCI layout directory of the job. */
  layout(args: JsonObject, body?: ByteSource): Promise<{ value: JsonValue; body: ByteSource }>
  /** The credential for a registry, as its finder writes it; null where there is none. */
  credential(host: string, repository: string): Promise<JsonValue>
}

export interface Clock {
  now(): Date
  /** Milliseconds from an arbitrary start, never going back. */
  monotonic(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Folders that foreign platforms put things in; replaced in tests. */
export interface Roots {
  /** Working directory that relative user paths are resolved against (absolute). */
  readonly cwd: string
  /** Private temporary folder of this process tree. */
  readonly temp: string
  /** `/sys/kernel/config/tsm`, where Linux shows TEE reports. */
  readonly tsm: string
  /** `/dev`. */
  readonly dev: string
  /** `/proc`. */
  readonly proc: string
  /** `/sys/kernel/security`: event logs of TPM and IMA. */
  readonly securityfs: string
  /** `/sys/devices/virtual/misc`: measurement registers of a TD. */
  readonly misc: string
  /** `/sys/firmware/acpi/tables`: event log of a TD. */
  readonly acpi: string
}

export interface HttpRequest {
  readonly method?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: string | Uint8Array | Blob | AsyncIterable<Uint8Array> | undefined
  readonly redirect?: 'follow' | 'manual' | undefined
  readonly timeoutMs?: number | undefined
  /** Time until an answer begins, after each redirect; default: `timeoutMs`. */
  readonly answerMs?: number | undefined
  /** Path of a Unix socket to talk over instead of TCP (the agent's). */
  readonly socketPath?: string | undefined
  /** The key that an https server must show, in the form of {@link Http.serverKey}: nothing is sent to a server that shows another one. */
  readonly serverKey?: string | undefined
  /** Ends the request, its body and the body of its answer; its reason is what the request throws. */
  readonly signal?: AbortSignal | undefined
  /** Over HTTP/2, as gRPC needs it, which goes by no proxy: the answer is read whole (at most 4 MiB), and its trailers stand among its headers. */
  readonly http2?: boolean | undefined
  /** For https, and for the first origin only. */
  readonly tls?: TlsOptions | undefined
}

/** How one https server is trusted, and what proves us to it. Connections are kept by object: give the same one for the same server. */
export interface TlsOptions {
  /** Certificates of authorities (PEM) that count beside the usual ones. */
  readonly ca?: readonly string[] | undefined
  /** Our certificate, with its chain (PEM). */
  readonly certificate?: string | undefined
  /** Its private key (PEM). */
  readonly key?: string | undefined
  /** The server's certificate is not checked at all. */
  readonly unverified?: boolean | undefined
}

/** Bytes as they arrive: what is used of a `ReadableStream`, which fits. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  getReader(): ByteReader
  /** Says that the rest is not wanted. */
  cancel(): Promise<void>
}

/** Reads piece by piece, and can be ended while it waits for one. */
export interface ByteReader {
  read(): Promise<{ done: false; value: Uint8Array } | { done: true; value?: Uint8Array | undefined }>
  cancel(): Promise<void>
}

/** Headers of an answer; several of one name are joined by `, `. */
export interface HttpHeaders {
  get(name: string): string | null
  has(name: string): boolean
}

/** What is used of a `Response`, which fits. A body has to be read or cancelled: its connection waits for that. */
export interface HttpResponse {
  readonly status: number
  /** A status from 200 to 299. */
  readonly ok: boolean
  /** Where the answer came from, after redirects; empty where that is not known. */
  readonly url: string
  readonly headers: HttpHeaders
  readonly body: ByteStream | null
  text(): Promise<string>
  json(): Promise<unknown>
  arrayBuffer(): Promise<ArrayBuffer>
}

export interface Http {
  /** As `fetch`, but remembers the host; throws `TransportError` when nothing answers. */
  request(url: string, options?: HttpRequest): Promise<HttpResponse>
  /** `host:port` of everything contacted so far, sorted; shown in every summary (DESIGN §1.8). */
  hosts(): readonly string[]
  /** `sha256:` and the hex SHA-256 of the SubjectPublicKeyInfo (DER) in the certificate of an https server, whose chain and name were checked. */
  serverKey(url: string): Promise<string>
  /** Adds hosts that a worker contacted for this step. */
  also?(hosts: readonly string[]): void
}

export interface ExecOptions {
  readonly cwd?: string | undefined
  /** Complete environment of the child. Default: PATH, HOME, TMPDIR, LANG only: children never inherit secrets. */
  readonly env?: Readonly<Record<string, string>> | undefined
  readonly input?: string | Uint8Array | undefined
  readonly timeoutMs?: number | undefined
  /** Called with each line of stderr and stdout, for progress. */
  readonly onLine?: ((line: string) => void) | undefined
  /** Do not throw on a non-zero exit code. */
  readonly allowFailure?: boolean | undefined
}

export interface ExecResult {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

export interface Exec {
  /** Runs a program without a shell. Throws `InputError('tool-missing')` when it isn't there, `TransportError('tool-failed')` on failure. */
  run(command: string, args: readonly string[], options?: ExecOptions): Promise<ExecResult>
  /** Absolute path of a program, or null. */
  find(command: string): Promise<string | null>
}

export interface Log {
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  /** One line of progress of long work; may be throttled. */
  progress(message: string): void
  group<T>(title: string, fn: () => Promise<T>): Promise<T>
  /** Registers a secret so that no later line shows it. */
  mask(secret: string): void
}

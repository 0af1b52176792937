/** Carries one command to a TPM and its response back. Who has one closes it: a software TPM talks to one at a time. */
export interface TpmTransport {
  /** What it talks to, for errors. */
  readonly name: string
  /**
   * @param command at most 4096 bytes
   * @throws TransportError `tool-failed` or `timeout`
   */
  exchange(command: Buffer): Promise<Buffer>
  close(): Promise<void>
}

/** The longest that a TPM may take for one command: RSA keys of discrete chips need the better part of a minute. */
export const commandTimeoutMs = 120_000

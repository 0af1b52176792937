import { createPublicKey } from 'node:crypto'
import type { AgentClient } from '../../agent/protocol.ts'
import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { spkiOf } from '../../log/timestamp/authority.ts'
import { isSelfTimed, openTimeStamper, type TimeStamper } from '../../log/timestamp/time-stamper.ts'

/**
 * Who stamps the signatures of this job; null where nobody was named. The request holds a digest, so it is made in the step, which needs no secret.
 *
 * @param keys SPKI PEM of the keys that sign here
 * @throws VerificationError `self-timed` for a service on this machine, where an agent of real hardware runs: the machine would state its own time
 */
export async function timeStamperFor(
  url: URL | null,
  agent: AgentClient | null,
  keys: readonly string[],
  ports: Ports,
): Promise<TimeStamper | null> {
  if (url === null) return null
  if (isSelfTimed(url)) {
    const technology = agent === null ? null : (await agent.status()).technology
    if (technology !== null && technology !== 'sample')
      throw new VerificationError('self-timed', `the time stamp service ${url.host} is this machine (self-timed)`, {
        subject: 'timestamp',
        remedy: 'Give the address of a service that another party runs: a machine cannot prove its own time.',
      })
    ports.log.warn(
      `The time stamp service ${url.host} is this machine (self-timed): its stamps prove the time only to a reader who knows that somebody else runs it.`,
    )
  }
  return openTimeStamper(
    url,
    keys.map((pem) => spkiOf(createPublicKey(pem))),
    ports,
  )
}

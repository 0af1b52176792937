import { parentPort } from 'node:worker_threads'
import { Md5Lanes } from '../encoding/md5-lanes.ts'
import { laneBytes } from './extent-digests.ts'
import { doJob, type ThreadJob } from './thread-job.ts'

/** A thread's program: does one job after another, as they come, and answers each. */
export function main(): void {
  const port = parentPort
  if (port === null) throw new Error('this program is for threads of Sealwright alone')
  // For all jobs of this thread: memory is let go late, and the kernel would be compiled for each.
  let made: Md5Lanes | null | undefined
  const lanes = (): Md5Lanes | null => (made ??= Md5Lanes.make(laneBytes))
  port.on('message', (job: ThreadJob) => port.postMessage(doJob(job, lanes)))
  port.postMessage('ready')
}

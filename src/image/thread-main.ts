import { parentPort } from 'node:worker_threads'
import { doJob, type ThreadJob } from './thread-job.ts'

/** A thread's program: does one job after another, as they come, and answers each. */
export function main(): void {
  const port = parentPort
  if (port === null) throw new Error('this program is for threads of Sealwright alone')
  port.on('message', (job: ThreadJob) => port.postMessage(doJob(job)))
  port.postMessage('ready')
}

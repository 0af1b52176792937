import { frameBytes, frameKinds } from '../channel/frames.ts'
import { taskStream } from './relay.ts'
import type { StartWorker } from './start.ts'

const waitMs = 10_000

/**
 * Has a worker remove the folder of a job that ends: nobody else may write to the folder of the workers' user. Where no worker can be had, the
 * first task of the next job removes it.
 *
 * @param instance of the job
 */
export async function forgetJob(start: StartWorker, instance: string): Promise<void> {
  const worker = await start().catch(() => null)
  if (worker === null) return
  const { duplex, ended, kill } = worker
  duplex.on('error', () => {})
  duplex.resume()
  const request = Buffer.from(JSON.stringify({ op: 'forget', value: { instance } }))
  duplex.write(frameBytes(frameKinds.open, taskStream, request))
  duplex.write(frameBytes(frameKinds.end, taskStream, Buffer.alloc(0)))
  duplex.once('end', () => duplex.end())
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs)
  })
  await Promise.race([ended, late])
  clearTimeout(timer)
  kill()
}

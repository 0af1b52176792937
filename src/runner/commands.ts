import { delimiter } from 'node:path'
import { appendFile } from '../base/write-file.ts'
import type { Ports } from '../base/ports.ts'

/**
 * Sets a variable for the later steps of a workflow job, by the file that `GITHUB_ENV` names; nothing happens outside a job.
 * The value stands between two lines that nobody can guess, so that it cannot end early and set other variables.
 */
export async function exportVariable(name: string, value: string, ports: Ports): Promise<boolean> {
  const file = ports.env['GITHUB_ENV']
  if (file === undefined || file === '') return false
  const mark = `end-${ports.random(16).toString('hex')}`
  await appendFile(file, `${name}<<${mark}\n${value}\n${mark}\n`)
  return true
}

/** Puts a folder first on the `PATH` of the later steps, by the file that `GITHUB_PATH` names. */
export async function addPath(folder: string, ports: Ports): Promise<boolean> {
  const file = ports.env['GITHUB_PATH']
  if (file === undefined || file === '' || folder.includes('\n') || folder.includes(delimiter)) return false
  await appendFile(file, `${folder}\n`)
  return true
}

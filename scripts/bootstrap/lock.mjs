import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

/** Runs `work` while this process alone holds the folder `path`; waits for a living holder, takes over a dead one's. */
export async function withLock(path, work) {
  while (!take(path)) await new Promise((next) => setTimeout(next, 200))
  try {
    return await work()
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

function take(path) {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (isAbandoned(path)) rmSync(path, { recursive: true, force: true })
    return false
  }
  writeFileSync(join(path, 'pid'), String(process.pid))
  return true
}

/** The holder wrote its process id and is gone, or died before it wrote one. */
function isAbandoned(path) {
  try {
    process.kill(Number(readFileSync(join(path, 'pid'), 'utf8')), 0)
    return false
  } catch (error) {
    if (error.code === 'ESRCH') return true
    return error.code === 'ENOENT' && ageSeconds(path) > 10
  }
}

function ageSeconds(path) {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined ? 0 : (Date.now() - stat.mtimeMs) / 1000
}

/** One worker: makes the targets for itself and runs the pieces of work that it is handed. */
import { parentPort } from 'node:worker_threads'
import { caseOf, countOf, type Ways } from './cases.ts'
import { teeTargets } from './targets/index.ts'
import { baseline, judge, type Target } from './target.ts'
import { count, emptyTally, type Tally } from './tally.ts'

/** Work on one target: `from` to below `to`, or all that there is. */
export interface Work {
  target: string
  way: Ways
  from: number
  to: number | 'all'
  seed: number
}

export type Message =
  | { ready: { name: string; flips: number; cuts: number; ms: number }[] }
  | { alive: string }
  | { done: Work; tally: Tally }

const targets = teeTargets()
const known = new Map(targets.map((target) => [target.name, baseline(target)]))
const port = parentPort
if (port === null) throw new Error('this file is a worker of tools/fuzz')
const send = (message: Message): void => port.postMessage(message)

port.on('message', (work: Work) => send({ done: work, tally: run(work) }))
send({
  ready: targets.map((target) => ({
    name: target.name,
    flips: countOf(target, 'flip'),
    cuts: countOf(target, 'cut'),
    ms: timeOf(target),
  })),
})

function run({ target: name, way, from, to, seed }: Work): Tally {
  const target = targets.find((one) => one.name === name)
  if (target === undefined) throw new Error(`no target ${name}`)
  const others = targets.filter(({ kind }) => kind === target.kind)
  const end = to === 'all' ? (way === 'random' ? 0 : countOf(target, way)) : to
  const tally = emptyTally()
  let told = performance.now()
  for (let index = from; index < end; index++) {
    const bytes = caseOf(target, others, way, index, seed)
    const start = performance.now()
    const judged = judge(target, known.get(name) ?? new Set(), bytes)
    const now = performance.now()
    count(tally, { target: name, way, index, hex: bytes.toString('hex') }, judged, now - start)
    if (now - told > 1000) {
      send({ alive: `${name}, ${way} ${index}` })
      told = now
    }
  }
  return tally
}

/** Milliseconds of one verification of the good bytes. */
function timeOf(target: Target): number {
  const start = performance.now()
  for (let n = 0; n < 5; n++) target.failed(target.bytes)
  return (performance.now() - start) / 5
}

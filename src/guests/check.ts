import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ports } from '../base/ports.ts'
import { programs as known } from './programs/table.ts'
import type { Given, Program } from './programs/types.ts'
import { readerName } from './select.ts'
import { note, standingOf, type Finding, type ImageFacts, type Judgement, type Question, type Reader } from './types.ts'

/** How a check is made beyond the models. */
export interface CheckOptions {
  given: Given
  /** Programs that may stand for a reader; none to ask the models alone. */
  programs?: readonly Program[] | undefined
}

/**
 * What each reader will make of an image: the real program where it is on PATH and can be asked, else the model of a version. What the model knows
 * explains what the program only refuses.
 */
export async function checkReaders(
  image: ImageFacts,
  chosen: readonly Reader[],
  question: Question,
  options: CheckOptions,
  ports: Ports,
): Promise<Judgement[]> {
  const folder = await mkdtemp(join(ports.roots.temp, 'guests-'))
  try {
    const judged: Judgement[] = []
    for (const reader of chosen) judged.push(await judgeOne(reader, image, question, options, folder, ports))
    return judged
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function judgeOne(
  reader: Reader,
  image: ImageFacts,
  question: Question,
  { given, programs = known }: CheckOptions,
  folder: string,
  ports: Ports,
): Promise<Judgement> {
  const expected = reader.judge(image, question)
  const about = { reader: readerName(reader), title: reader.title }
  const program = programs.find((one) => one.reader === about.reader)
  const found = program === undefined ? null : await program.find(ports)
  const said = found === null ? null : ((await program?.ask(found, image, given, folder, ports)) ?? null)
  if (found === null || said === null) {
    return { ...about, standing: standingOf(expected), by: { kind: 'model', of: reader.source }, findings: expected }
  }
  const findings = agreed(expected, said, reader)
  return { ...about, standing: standingOf(findings), by: { kind: 'real program', of: found.name }, findings }
}

/** The program's word counts. Where the model says otherwise, both are shown. */
function agreed(expected: readonly Finding[], said: readonly Finding[], { source }: Reader): Finding[] {
  const notes = expected.filter(({ effect }) => effect === 'note')
  const faults = expected.filter(({ effect }) => effect === 'fails')
  if (said.length > 0) {
    return faults.length > 0
      ? [...faults, ...notes, ...said.map(({ code, why }) => note(code, why))]
      : [...said, ...notes, note('program', `the model of ${source} expects it to read the image`)]
  }
  return [...notes, ...faults.map(({ why }) => note('program', `the model of ${source} expects it to fail: ${why}`))]
}

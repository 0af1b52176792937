import { readdirSync } from 'node:fs'
import { checkReaders } from '../../src/guests/check.ts'
import type { Program } from '../../src/guests/programs/types.ts'
import { fails, type Finding, type Judgement, type Question } from '../../src/guests/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import { newSigner } from '../sign/fixtures.ts'
import { factsOf, givenNothing, keyOf, layout, nobody, pullName, putShape, reader, signTag } from './support.ts'

const ports = testPorts()

/** A program that answers for cosign 2; null where it cannot be asked, undefined where it is not there. */
function program(answer: Finding[] | null | undefined): Program {
  return {
    reader: 'cosign@2.5',
    find: async () => (answer === undefined ? null : { path: '/bin/false', name: 'cosign 2.9' }),
    ask: async () => answer ?? null,
  }
}

async function judge(
  answer: Finding[] | null | undefined,
  question: Question,
  tag: string,
): Promise<Judgement | undefined> {
  const image = await factsOf(ports, tag)
  const options = { given: givenNothing, programs: [program(answer)] }
  return (await checkReaders(image, [reader('cosign@2.5')], question, options, ports))[0]
}

const model = { kind: 'model', of: 'cosign v2.5.0' }
const real = { kind: 'real program', of: 'cosign 2.9' }
const refusal = fails('program', 'it says: no')

test('without the program, or where it cannot be asked, the model judges and says so', async () => {
  await putShape(layout(ports), 'plain')
  for (const answer of [undefined, null])
    expect(await judge(answer, nobody, 'plain')).toMatchObject({
      standing: 'fails',
      by: model,
      findings: [{ code: 'signature-missing' }],
    })
})

test('the program decides; the model explains', async () => {
  await putShape(layout(ports), 'plain')
  expect(await judge([refusal], nobody, 'plain')).toMatchObject({
    standing: 'fails',
    by: real,
    findings: [{ code: 'signature-missing' }, { effect: 'note', why: 'it says: no' }],
  })
  // The model expects a failure: the program is believed, and the contradiction is shown.
  const contradiction = await judge([], nobody, 'plain')
  expect(contradiction).toMatchObject({ standing: 'reads', by: real })
  expect(contradiction?.findings.map(({ why }) => why).join('\n')).toContain('expects it to fail')

  const signer = await newSigner()
  const signed = await putShape(layout(ports), 'signed')
  await signTag(layout(ports), signed, signer, { dockerReference: pullName })
  const refused = await judge([refusal], keyOf(signer), 'signed')
  expect(refused).toMatchObject({ standing: 'fails', by: real })
  expect(refused?.findings.map(({ why }) => why).join('\n')).toMatch(/it says: no[^]*expects it to read/)
})

test('nothing stays in the temporary folder', async () => {
  await putShape(layout(ports), 'plain')
  await judge([], nobody, 'plain')
  expect(readdirSync(ports.roots.temp).filter((name) => name.startsWith('guests-'))).toEqual([])
})

import { InputError } from '../../src/base/errors.ts'
import { logicalLines } from '../../src/build/containerfile/lines.ts'
import { parseContainerfile } from '../../src/build/containerfile/parse.ts'
import { planBuild } from '../../src/build/containerfile/plan.ts'
import { expand, splitWords } from '../../src/build/containerfile/words.ts'

const platform = { os: 'linux', architecture: 'arm64' }
const plan = (text: string, target: string | null = null, buildArgs: Record<string, string> = {}) =>
  planBuild(parseContainerfile(text, 'Containerfile'), { target, buildArgs, platform, epoch: 5 })

describe('logical lines', () => {
  const texts = (source: string) => logicalLines(source, 'C').lines.map(({ line, text }) => `${line} ${text}`)

  test('joins continuations and drops comments inside them', () => {
    expect(texts('# first\nFROM a\n\nCOPY a \\\n  # why\n\n  b \\\n c\r\nUSER x\n')).toEqual([
      '2 FROM a',
      '4 COPY a   b  c',
      '9 USER x',
    ])
  })

  test('obeys the escape directive, which must come first', () => {
    expect(texts('# escape=`\nCOPY a `\n b\\\n')).toEqual(['2 COPY a  b\\'])
    expect(texts('# a comment\n# escape=`\nCOPY a `\n')).toEqual(['3 COPY a `'])
    expect(() => logicalLines('# escape=x\nFROM a', 'C')).toThrow(/line 1 of C/)
  })

  test('skips here-documents and marks their instruction', () => {
    const { lines } = logicalLines('FROM a\nRUN <<-"END" cat\n\tFROM b\n\tEND\nUSER x', 'C')
    expect(lines.map(({ text, heredoc }) => [text, heredoc])).toEqual([
      ['FROM a', false],
      ['RUN <<-"END" cat', true],
      ['USER x', false],
    ])
    expect(() => logicalLines('FROM a\nRUN <<END\nx', 'C')).toThrow(
      /line 2 of C has a here-document without its end END/,
    )
  })

  test('refuses NUL', () => {
    expect(() => logicalLines('FROM a\0', 'C')).toThrow(InputError)
  })
})

describe('words', () => {
  const values: Record<string, string> = { A: 'one', EMPTY: '' }
  const get = (text: string) => expand(text, (name) => values[name], '\\', 'line 1')

  test.each([
    ['$A-${A}', 'one-one'],
    ['${NONE:-x$A}', 'xone'],
    ['${EMPTY:-d}|${EMPTY-d}', 'd|'],
    ['${A:+set}${NONE:+no}', 'set'],
    ['\'$A\' "$A"', '$A one'],
    ['\\$A', '$A'],
    ['"a\\b\\"c"', 'a\\b"c'],
    ['${NONE:-"}"}', '}'],
    ['100$', '100$'],
    ['it"\'"s', "it's"],
  ])('%s', (text, expected) => {
    expect(get(text)).toBe(expected)
  })

  test.each(['"open', "'open", '${A', '${A:?x}', '${A/x/y}', '${NONE:-x'])('refuses %s', (text) => {
    expect(() => get(text)).toThrow(InputError)
  })

  test('splits outside of quotes and escapes', () => {
    expect(splitWords('a "b c" d\\ e \'f g\'h', '\\')).toEqual(['a', '"b c"', 'd\\ e', "'f g'h"])
  })
})

describe('parsing', () => {
  test('reads flags and the JSON form', () => {
    const [stage] = parseContainerfile('FROM x\ncopy --from=y --chown=1:2 ["a b", "c"]\nCMD [not json]', 'C').stages
    expect(stage?.instructions).toMatchObject([
      {
        name: 'COPY',
        line: 2,
        flags: [
          { name: 'from', value: 'y' },
          { name: 'chown', value: '1:2' },
        ],
        json: ['a b', 'c'],
      },
      { name: 'CMD', json: null, rest: '[not json]' },
    ])
  })

  test.each([
    ['', 'has no FROM'],
    ['RUN x\nFROM a', 'line 1 of C has RUN before the first FROM'],
    ['FROM a\nFORM b', 'line 2 of C has an unknown instruction FORM'],
    ['FROM a\nCOPY', 'line 2 of C has COPY without arguments'],
    ['FROM a b c', 'line 1 of C has a FROM that is not'],
    ['FROM --x=y a', 'unknown flag --x'],
    ['FROM a AS b\nFROM c AS B', 'line 2 of C names a second stage b'],
    ['FROM a AS 1x', 'stage name that is not allowed'],
  ])('refuses %j', (text, message) => {
    expect(() => parseContainerfile(text, 'C')).toThrow(message)
  })
})

describe('planning', () => {
  const text =
    'ARG BASE=scratch\nFROM $BASE AS one\nFROM one AS two\nCOPY --from=three a b\nFROM x AS three\nFROM two\nCOPY --from=0 a b'

  test('keeps only the stages that the target needs', () => {
    const chosen = plan(text)
    expect(chosen.stages.map(({ stage, base }) => [stage.index, base.kind])).toEqual([
      [0, 'scratch'],
      [1, 'stage'],
      [3, 'stage'],
    ])
    // A stage that comes later is no stage for COPY --from, so this is an image's name.
    expect(chosen.copiedImages).toEqual([{ name: 'three', line: 4 }])
    expect(plan(text, 'one').stages).toHaveLength(1)
    expect(plan(text, '2').stages[0]?.base).toEqual({ kind: 'image', name: 'x' })
  })

  test('takes build arguments and automatic ones', () => {
    expect(plan(text, 'one', { BASE: 'y' }).stages[0]?.base).toEqual({ kind: 'image', name: 'y' })
    expect(plan('ARG TARGETARCH\nFROM x-$TARGETARCH').stages[0]?.base).toEqual({ kind: 'image', name: 'x-arm64' })
    const used = plan('FROM scratch\nARG A\nARG B=1', null, { A: '1', C: '2' })
    expect([...used.consumed]).toEqual(['A'])
  })

  test('stages that RUN mounts are needed; an image that only a mount names is refused', () => {
    const mounted = (from: string) =>
      `FROM a AS x\nFROM b AS y\nFROM c\nRUN --mount=type=bind,from=${from},target=/m true`
    expect(plan(mounted('x')).stages.map(({ stage }) => stage.index)).toEqual([0, 2])
    expect(() => plan(mounted('example.com/z'))).toThrow(/line 4 of Containerfile mounts from example.com\/z/)
  })

  test('refuses an empty base and an unknown target', () => {
    expect(() => plan('ARG BASE\nFROM $BASE')).toThrow(/names nothing/)
    expect(() => plan(text, 'four')).toThrow(
      expect.objectContaining({ code: 'not-found', remedy: 'Use one of: one, two, three, 3.' }),
    )
  })
})

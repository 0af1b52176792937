import { fill, parseAction } from '../../scripts/docs/tables.ts'

const action = parseAction(`
inputs:
  image:
    description: >
      Which image: \`a|b\`,
      or the journal's.
  mode:
    description: What to do.
    default: plan
  key:
    description: Sign with it.
    required: true
outputs:
  digest:
    description: The digest.
`)
const readme = '# x\n\n<!-- inputs -->\nold\n<!-- /inputs -->\n\ntext\n\n<!-- outputs -->\n<!-- /outputs -->\n'

test('tables replace what stood between the markers, and only that', () => {
  const { text, missing } = fill(readme, action)
  expect(missing).toEqual([])
  expect(text).toBe(
    [
      '# x',
      '',
      '<!-- inputs -->',
      '',
      '| Input | Meaning | Default |',
      '| --- | --- | --- |',
      "| `image` | Which image: `a\\|b`, or the journal's. |  |",
      '| `mode` | What to do. | `plan` |',
      '| `key` | Sign with it. | **required** |',
      '',
      '<!-- /inputs -->',
      '',
      'text',
      '',
      '<!-- outputs -->',
      '',
      '| Output | Meaning |',
      '| --- | --- |',
      '| `digest` | The digest. |',
      '',
      '<!-- /outputs -->',
      '',
    ].join('\n'),
  )
  expect(fill(text, action).text).toBe(text)
})

test('a missing marker is told, but not for an empty table', () => {
  expect(fill('# x\n', action).missing).toEqual(['inputs', 'outputs'])
  expect(fill('# x\n', {}).missing).toEqual([])
})

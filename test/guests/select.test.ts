import { programs } from '../../src/guests/programs/table.ts'
import { readers } from '../../src/guests/readers/table.ts'
import { readerName, selectReaders } from '../../src/guests/select.ts'

const names = (wanted: string[]): string[] => selectReaders(wanted).map(readerName)

test.each<[string[], string[]]>([
  [['cosign'], ['cosign@2.5', 'cosign@3.1']],
  [['cosign@3'], ['cosign@3.1']],
  [
    ['cosign@v3.1.3', 'coco@0.21.0', 'coco'],
    ['coco@0.21', 'cosign@3.1'],
  ],
  [['docker@28.5'], ['docker@28']],
  [['kyverno'], ['kyverno@1.19']],
])('%j selects %j', (wanted, expected) => {
  expect(names(wanted)).toEqual(expected)
})

test('nothing selects all, each of which has a name of its own', () => {
  expect(names([])).toEqual(readers.map(readerName))
  expect(new Set(names([])).size).toBe(readers.length)
})

test.each<[string, string]>([
  ['cosing', 'Did you mean cosign?'],
  ['coco@0.2', 'Known are coco@0.21.'],
  ['coco@0.22', 'Known are coco@0.21.'],
  ['coco@', 'Known are coco@0.21.'],
  ['coco@latest', 'Known are coco@0.21.'],
  ['coco@0.21@1', 'Known are '],
])('%s is refused', (wanted, remedy) => {
  expect(() => selectReaders([wanted])).toThrow(
    expect.objectContaining({ code: 'input-invalid', remedy: expect.stringContaining(remedy) }),
  )
})

test('every program stands for a reader of the table', () => {
  const known = readers.map(readerName)
  expect(programs.map(({ reader }) => reader).filter((reader) => !known.includes(reader))).toEqual([])
})

import { sizeInWords } from '../../src/base/size.ts'

test.each([
  [0, '0 B'],
  [130, '130 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [1536, '1.53 kB'],
  [999_999, '999 kB'],
  [1_000_000, '1.00 MB'],
  [12_345_678, '12.3 MB'],
  [1_000_000_000, '1.00 GB'],
  [5_000_000_000_000_000, '5000 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(sizeInWords(bytes)).toBe(text)
})

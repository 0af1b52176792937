import { nameIn } from '../../src/sbom/catalogers/foreign.ts'

test.each([
  ['a lone surrogate', 'x\ud800', String.raw`"x\ud800"`],
  ['a line break', 'x\ny', String.raw`"x\ny"`],
  ['an escape sequence', 'x\u001b[2J\u009b', String.raw`"x\u001b[2J\u009b"`],
  ['a replaced byte', 'x\uFFFD', String.raw`"x\ufffd"`],
  ['a long text', `${'x'.repeat(200)}\u2028x`, `"${'x'.repeat(100)}"`],
])('the error for a name with %s shows it without its effect', (_what, name, shown) => {
  expect(() => nameIn(name, 'name')).toThrow(`expected a name of printable characters in one line, found ${shown}`)
})

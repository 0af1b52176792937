import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { parseIgnore, readIgnoreRules } from '../../src/build/ignore.ts'
import { tree } from './support.ts'

const ignored = (rules: string, path: string): boolean => parseIgnore(rules, '.containerignore').ignores(path)

describe('ignore rules', () => {
  test.each([
    ['node_modules', 'node_modules/a/b', true],
    ['node_modules', 'lib/node_modules', false],
    ['**/node_modules', 'lib/node_modules/x', true],
    ['**/node_modules', 'node_modules', true],
    ['*.md', 'a.md', true],
    ['*.md', 'docs/a.md', false],
    ['**/*.md', 'docs/x/a.md', true],
    ['docs/**', 'docs/a/b', true],
    ['docs/**', 'docs', false],
    ['/abs', 'abs', true],
    ['./a/../b/', 'b', true],
    ['?.txt', 'a.txt', true],
    ['?.txt', 'ab.txt', false],
    ['[a-c].x', 'b.x', true],
    ['[^a-c].x', 'b.x', false],
    ['\\*.x', '*.x', true],
    ['\\*.x', 'a.x', false],
    ['a+(b).x', 'a+(b).x', true],
    ['# not me\n#', 'not me', false],
    ['*\n!keep', 'keep', false],
    ['*\n!keep', 'keep/deep', false],
    ['*\n!keep\nkeep/*.log', 'keep/a.log', true],
    ['!a\na', 'a', true],
    ['a\n\n  b  \n', 'b', true],
    ['docs/**.md', 'docs/a.md', false],
    ['docs/**.md', 'docs/.md', true],
    ['docs/**.md', 'docs/sub/.md', true],
    ['**.md', 'docs/a.md', true],
    ['a**b', 'axb', false],
    ['a**b', 'a/x/b', true],
    ['../top.txt', 'top.txt', false],
    ['/../top.txt', 'top.txt', true],
    ['dir[/]a', 'dir/a', true],
    ['[\\]a]x', ']x', true],
    ['\\d*', '7up', true],
    ['\\d*', 'd', false],
    ['a|b*', 'axe', true],
    ['a|b', 'a', false],
    ['x\n\uFEFFy', 'y', false],
    ['\uFEFFx', 'x', true],
    ['*\n/!a', 'a', false],
    ['?{3}', 'abc', true],
    ['?{3}', '?{3}', false],
  ])('%j on %s: %s', (rules, path, expected) => {
    expect(ignored(rules, path)).toBe(expected)
  })

  test.each([
    '!',
    '! ',
    '!/',
    'a[',
    '[z-a]',
    'x\\',
    '[a-]',
    '[]a]',
    '[]',
    '\\a[',
    '\\k*',
    '\\pL',
    '[[:alpha:]]',
    'a{1001}*',
  ])('refuses %s by its line', (rule) => {
    expect(() => parseIgnore(`ok\n${rule}`, 'I')).toThrow(/line 2 of I is no pattern/)
  })

  test('the file beside the Containerfile wins, then .containerignore, then .dockerignore', async () => {
    const files = { '.dockerignore': 'a', '.containerignore': 'b', 'F.dockerignore': 'c' }
    const folder = tree(files)
    expect((await readIgnoreRules(folder, `${folder}/F`)).source).toBe('F.dockerignore')
    expect((await readIgnoreRules(folder, `${folder}/G`)).source).toBe('.containerignore')
    expect((await readIgnoreRules(tree({ '.dockerignore': 'a' }), '/nowhere/G')).source).toBe('.dockerignore')
    expect((await readIgnoreRules(tree({}), '/nowhere/G')).source).toBeNull()
  })

  test('in a streamed context a link, a folder and a huge file are refused, and nothing of a link’s target is told', async () => {
    const secret = join(tree({ secret: '[token-of-the-worker' }), 'secret')
    const linked = (target: string): string => {
      const folder = tree({})
      symlinkSync(target, join(folder, '.dockerignore'))
      return folder
    }
    for (const target of [secret, '/proc/self/environ', '/dev/zero', 'nowhere'])
      await expect(readIgnoreRules(linked(target), '/nowhere/F', true)).rejects.toMatchObject({
        code: 'file-invalid',
        message: '".dockerignore" is a link',
      })
    // Without a worker the step reads with its own rights, and a device is no file for it either.
    await expect(readIgnoreRules(linked('/dev/zero'), '/nowhere/F')).rejects.toMatchObject({ code: 'file-invalid' })
    for (const streamed of [true, false]) {
      const folder = tree({})
      mkdirSync(join(folder, '.containerignore'))
      await expect(readIgnoreRules(folder, '/nowhere/F', streamed)).rejects.toMatchObject({ code: 'file-invalid' })
      const large = tree({ '.dockerignore': 'a\n'.repeat(600_000) })
      await expect(readIgnoreRules(large, '/nowhere/F', streamed)).rejects.toMatchObject({ code: 'file-invalid' })
    }
  })
})

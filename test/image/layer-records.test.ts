import { used, type LayerFolder } from '../../src/image/layer-folders.ts'
import { LayerRecords } from '../../src/image/layer-records.ts'
import type { TarHeader } from '../../src/image/types.ts'

const header = (path: string, type: TarHeader['type']): TarHeader => ({
  ...{ path, type, mode: 0o755, uid: 0, gid: 0, uname: '', gname: '', size: 0, mtime: 0, link: '' },
  ...{ devMajor: 0, devMinor: 0, xattrs: {} },
})

function usedFolders({ path, flags, folders }: LayerFolder): string[] {
  return [...((flags & used) === 0 ? [] : [path]), ...[...(folders?.values() ?? [])].flatMap(usedFolders)]
}

/** What is left when each file takes away all below it: by a walk over everything, however slow. */
class Model {
  readonly paths = new Map<string, TarHeader['type']>()

  /** Null where the entry lies below something that is no folder. */
  add(path: string, type: TarHeader['type']): string[] | null {
    const above = path.split('/').map((_part, i, parts) => parts.slice(0, i).join('/'))
    if (above.some((folder) => this.paths.get(folder) === 'file')) return null
    const old = this.paths.get(path)
    const gone = old !== undefined && !(old === 'dir' && type === 'dir') ? [path] : []
    if (type !== 'dir') gone.push(...[...this.paths.keys()].filter((key) => key.startsWith(`${path}/`)))
    for (const key of gone) this.paths.delete(key)
    this.paths.set(path, type)
    return gone
  }
}

test('a file takes away all that its layer put below it, whatever came before', () => {
  let seed = 7
  const next = (n: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * n)
  }
  let refused = 0
  let removed = 0
  for (let round = 0; round < 300; round++) {
    const records = new LayerRecords('layer')
    const model = new Model()
    let broken = false
    for (let i = 0; i < 120; i++) {
      const path = Array.from({ length: 1 + next(4) }, () => 'abc'[next(3)]).join('/')
      const type: 'file' | 'dir' = next(round % 2 === 0 ? 12 : 4) === 0 ? 'file' : 'dir'
      const expected = model.add(path, type)
      if (expected === null) {
        expect(() => records.add(header(path, type), 0, i)).toThrow('which is not a folder')
        refused++
        broken = true
        // A layer ends with its first refusal.
        break
      }
      records.add(header(path, type), 0, i)
      const gone = records.obsolete.map((row) => records.rows.path(row))
      expect(gone.sort()).toEqual(expected.sort())
      removed += gone.length
    }
    if (broken) continue
    const { rows } = records
    expect([...records.current()].map((row) => [rows.path(row), rows.type(row)]).sort()).toEqual(
      [...model.paths].sort(),
    )
    // What is used as a folder is a folder, or lies above something that is there.
    for (const folder of usedFolders(records.root))
      expect(
        [...model.paths].some(
          ([path, type]) => (path === folder && type === 'dir') || path.startsWith(folder === '.' ? '' : `${folder}/`),
        ),
      ).toBe(true)
  }
  expect(Math.min(refused, removed)).toBeGreaterThan(50)
  expect(refused).toBeLessThan(300)
})

test('a file takes the place of a folder with more folders in it than a call has arguments', () => {
  const records = new LayerRecords('layer')
  for (let i = 0; i < 200_000; i++) records.add(header(`d/${i}`, 'dir'), 0, i)
  records.add(header('d', 'file'), 0, 200_000)
  expect(records.obsolete).toHaveLength(200_000)
})

import { Random } from '../../../testkit/random.ts'
import { agreed } from './agreed-features.ts'
import type { Feature } from './feature.ts'
import { features } from './features.ts'
import { otherwiseInGuests } from './guest-features.ts'
import { odd } from './odd-features.ts'

/** A generated image: the bytes of its layers, bottom first, and what is in them. */
export interface Made {
  layers: Buffer[]
  features: string[]
  /** Nothing in it that readers do not agree on: it must be taken. */
  mustTake: boolean
}

/** Paths of a layer and those below it, so that most entries make sense. */
class Tree {
  readonly dirs = new Set<string>([''])
  readonly files: string[] = []
  private serial = 0

  /** A path in a folder that is there, seldom one in a new folder. */
  fresh(random: Random): string {
    const folder = random.pick([...this.dirs])
    const name = `${random.pick(['a', 'b', 'etc', 'x-y', 'Z', '.hid'])}${++this.serial}`
    const path = folder === '' ? name : `${folder}/${name}`
    return random.below(6) === 0 ? `${path}/in` : path
  }

  add(path: string, kind: Feature['kind']): void {
    if (kind === 'file') this.files.push(path)
    if (kind === 'dir' && path.length < 60) this.dirs.add(path)
  }
}

const ends = [
  Buffer.alloc(1024),
  Buffer.alloc(1024),
  Buffer.alloc(512),
  Buffer.alloc(0),
  Buffer.alloc(10_240),
  Buffer.alloc(1536),
]
const notAgreed = [...odd, ...otherwiseInGuests]

/** Image number `index` of a seed. The first ones have one feature each, alone between plain files. */
export function generate(seed: number, index: number, mostLayers: number): Made {
  const random = new Random(seed, `archive ${index}`)
  const tree = new Tree()
  const alone = features[index]
  const used: Feature[] = []
  const put = (feature: Feature): Buffer => {
    used.push(feature)
    const path = tree.fresh(random)
    const bytes = feature.make({ path, file: tree.files.length === 0 ? path : random.pick(tree.files), random })
    tree.add(path, feature.kind)
    return bytes
  }
  const plain = features[0]
  if (alone !== undefined && plain !== undefined) {
    const layer = Buffer.concat([put(plain), put(alone), put(plain), Buffer.alloc(1024)])
    return { layers: [layer], features: used.map(({ name }) => name), mustTake: alone.agreed }
  }
  // Seven of ten have nothing odd in them.
  const oddity = random.below(100) < 70 ? 0 : 1 + random.below(2)
  const layers = Array.from({ length: 1 + random.below(mostLayers) }, () => {
    const once = new Set<Feature>()
    const parts = Array.from({ length: 1 + random.below(6) }, () => {
      const feature = oddity > 0 && random.below(4) < oddity ? random.pick(notAgreed) : random.pick(agreed)
      const isAgain = feature.once === true && once.has(feature)
      once.add(feature)
      return put(isAgain && plain !== undefined ? plain : feature)
    })
    return Buffer.concat([...parts, random.pick(ends)])
  })
  return { layers, features: used.map(({ name }) => name), mustTake: used.every((feature) => feature.agreed) }
}

import type { FoundPackage } from '../../model.ts'
import { textIn } from '../foreign.ts'
import { sumsOf } from '../sums.ts'
import { Losses } from '../losses.ts'
import { lockFile, partly } from './lock.ts'
import { onlySum, packageFound } from './package-found.ts'

/** Providers that Terraform or OpenTofu has locked (`.terraform.lock.hcl`). */
export const terraform = lockFile({
  name: 'terraform-lock',
  kind: 'terraform',
  match: { names: ['.terraform.lock.hcl'] },
  read: (content) => {
    const found: FoundPackage[] = []
    const losses = new Losses()
    let block: Block | null = null
    const end = (): void => {
      if (block !== null) losses.add(block.name, 'the block does not end')
      block = null
    }
    for (const [index, raw] of textIn(content).split(/\r?\n/).entries()) {
      const line = raw.replace(/^\s*(?:#|\/\/).*$/, '').trim()
      const name = /^provider\s+"([^"]+)"\s*\{$/.exec(line)?.[1]
      const other = name === undefined && /\{$/.test(line)
      if (name !== undefined || other) {
        end()
        if (other) losses.add(`line ${index + 1}`, 'expected a provider')
        block = { name: name ?? '', version: null, hashes: [], other }
      } else if (line === '}' && block !== null) {
        const { other: isOther, ...provider } = block
        const one = isOther ? undefined : losses.try(provider.name, () => providerPackage(provider))
        if (one !== undefined) found.push(one)
        block = null
      } else if (block === null) {
        if (line !== '') losses.add(`line ${index + 1}`, 'expected a provider')
      } else {
        block.version = /^version\s*=\s*"([^"]+)"$/.exec(line)?.[1] ?? block.version
        const hash = /^(?:hashes\s*=\s*\[\s*)?"zh:([0-9a-f]{64})",?/.exec(line)?.[1]
        if (hash !== undefined) block.hashes.push(hash)
      }
    }
    end()
    return partly(found, losses)
  },
})

interface Block {
  name: string
  version: string | null
  hashes: string[]
  /** It describes no provider. */
  other: boolean
}

/** No type of package URL is defined for providers. */
function providerPackage({ name, version, hashes }: Omit<Block, 'other'>): FoundPackage {
  if (version === null) throw new Error('expected a version')
  const parts = name.split('/')
  const found = packageFound('terraform-lock', 'generic', {
    shown: name,
    namespace: ['terraform-provider', ...parts.slice(0, -1)].join('/'),
    name: parts.at(-1) ?? '',
    version,
    checksums: onlySum(hashes.flatMap((hash) => sumsOf('sha256', hash))),
  })
  return { ...found, type: 'terraform' }
}

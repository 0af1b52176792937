import type { FoundPackage } from '../../model.ts'
import { textIn } from '../foreign.ts'
import { sumsOf } from '../sums.ts'
import { lockFile } from './lock.ts'
import { onlySum, packageFound } from './package-found.ts'

/** Providers that Terraform or OpenTofu has locked (`.terraform.lock.hcl`). */
export const terraform = lockFile({
  name: 'terraform-lock',
  kind: 'terraform',
  match: { names: ['.terraform.lock.hcl'] },
  read: (content) => {
    const found: FoundPackage[] = []
    let block: { name: string; version: string | null; hashes: string[] } | null = null
    for (const [index, raw] of textIn(content).split(/\r?\n/).entries()) {
      const line = raw.replace(/^\s*(?:#|\/\/).*$/, '').trim()
      const name = /^provider\s+"([^"]+)"\s*\{$/.exec(line)?.[1]
      if (name !== undefined) block = { name, version: null, hashes: [] }
      else if (line === '}' && block !== null) {
        found.push(providerPackage(block))
        block = null
      } else if (block === null) {
        if (line !== '') throw new Error(`line ${index + 1}: expected a provider`)
      } else {
        block.version = /^version\s*=\s*"([^"]+)"$/.exec(line)?.[1] ?? block.version
        const hash = /^(?:hashes\s*=\s*\[\s*)?"zh:([0-9a-f]{64})",?/.exec(line)?.[1]
        if (hash !== undefined) block.hashes.push(hash)
      }
    }
    if (block !== null) throw new Error(`the block of ${block.name} does not end`)
    return found
  },
})

/** No type of package URL is defined for providers. */
function providerPackage({
  name,
  version,
  hashes,
}: {
  name: string
  version: string | null
  hashes: string[]
}): FoundPackage {
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

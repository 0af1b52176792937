import type { JournalEvent } from '../../journal/event.ts'
import { openersOf } from '../checks/image-key.ts'

/**
 * Section `encryption`: who can open the image, as its `encrypt` events say. The key of a KBS's server stands in a comment, because an honest
 * KBS may renew it.
 *
 * @param events `encrypt` events of the image
 */
export function encryptionLines(events: readonly JournalEvent[]): string[] {
  const openers = events.map(openersOf)
  const external = openers.filter(({ place, url }) => place === 'external' && url !== null)
  const lines = new Set(
    external.flatMap(({ url, serverKey }) => [
      // A JSON string is a YAML string: no value can add a line.
      `    - url: ${JSON.stringify(url)}`,
      ...(serverKey === null ? [] : [`      # server-key: ${serverKey.replace(/[^a-z0-9:]/g, '')}`]),
    ]),
  )
  const keys = [...new Set(openers.flatMap((one) => one.keys))]
  if (openers.length === 0) return []
  return [
    'encryption:  # what of the first image was encrypted, and for whom; a KBS or key that is not named is refused',
    `  layers: ${openers.some(({ partly }) => partly) ? 'some' : 'all'}`,
    ...(lines.size === 0 ? [] : ['  kbs:', ...lines]),
    ...(keys.length === 0 ? [] : [`  recipients: ${JSON.stringify(keys)}`]),
  ]
}

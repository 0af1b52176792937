import { basename } from 'node:path'

/** `localhost/<folder>`, made fit for a `docker-reference`: other tools parse it as an image name. */
export function layoutIdentity(directory: string): string {
  const folder = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return `localhost/${folder === '' ? 'layout' : folder}`
}

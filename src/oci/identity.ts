import { basename } from 'node:path'

/** `localhost/<folder>`, made fit for a `docker-reference`: other tools parse it as an image name. */
export function layoutIdentity(directory: string): string {
  const folder = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return `localhost/${folder === '' ? 'layout' : folder}`
}

/** One or more names as registries take them, joined by slashes. */
const names = /^[a-z0-9]+(?:(?:[.]|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[.]|_{1,2}|-+)[a-z0-9]+)*)*$/

/**
 * A repository name for a copy of an image, close to `name`, which registries and cosign accept: cosign refuses a repository name of one character,
 * and registries refuse capitals.
 */
export function registryName(name: string): string {
  const fit = names.test(name)
    ? name
    : name
        .toLowerCase()
        .split('/')
        .map((part) => part.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, ''))
        .filter((part) => part !== '')
        .join('/')
  return cosignReads(`/${fit}`) ? fit : fit === '' ? 'image' : `image-${fit}`
}

/** Whether cosign can parse `HOST/NAME[:TAG][@DIGEST]`: it refuses a repository name of one character. */
export function cosignReads(reference: string): boolean {
  return reference.slice(reference.indexOf('/') + 1).replace(/[:@].*$/, '').length > 1
}

/** Name and version that a version resource gives; empty where it gives none. */
export interface Product {
  name: string
  version: string
}

/** Microsoft's files describe the file, those of others the product. */
export function productOf(strings: ReadonlyMap<string, string>, isNet: boolean): Product {
  const value = (key: string): string => clean(strings.get(key) ?? '')
  const microsoft = /microsoft/i.test(`${value('CompanyName')} ${value('ProductName')}`)
  const keys = microsoft
    ? ['FileDescription', 'InternalName', 'OriginalFilename', 'ProductName']
    : ['ProductName', 'FileDescription', 'InternalName', 'OriginalFilename']
  const name = keys.map(value).find((each) => each !== '') ?? ''
  const [product, file] = [leading(value('ProductVersion')), leading(value('FileVersion'))]
  // `Library (net8.0)`: the framework is no part of the name.
  if (isNet) return { name: name.replace(/ {0,8}\(net[^()]{0,40}\)$/, ''), version: better(product, file, microsoft) }
  return { name, version: product || file }
}

function clean(text: string): string {
  return text
    .replace(/[\s\u00a0]+/g, ' ')
    .replace(/[\x00-\x1f]/g, '')
    .trim()
}

/** `1.2.3 release of today` says 1.2.3. */
function leading(text: string): string {
  const words = text.split(' ')
  const end = words.findIndex((word, i) => !/\d/.test(word) && words.slice(0, i).some((each) => /\d/.test(each)))
  return (end === -1 ? words : words.slice(0, end)).join(' ')
}

/** A file's version may be a build stamp (Microsoft) or fuller than the product's. */
function better(product: string, file: string, microsoft: boolean): string {
  const [a, b] = [numbersOf(product), numbersOf(file)]
  if (a === null || b === null) return product || file
  if (microsoft && a.length < b.length && a.length > 1 && a[0] === b[0] && a[1] === b[1])
    return product.split('+')[0] ?? product
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0]
    if (x !== y) return x > y ? product : file
  }
  return a.length >= b.length ? product : file
}

function numbersOf(version: string): number[] | null {
  const found = /^v?(\d{1,9}(?:\.\d{1,9}){0,5})(?:[-+ ].*)?$/.exec(version)?.[1]
  return found === undefined ? null : found.split('.').map(Number)
}

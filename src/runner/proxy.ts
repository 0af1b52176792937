import { BlockList, isIP } from 'node:net'
import { InputError } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy for a URL by the variables that curl, Go and git read: `http_proxy`, `https_proxy`, `no_proxy`, in lower case before upper case. This
 * machine itself is never reached by a proxy, as in Go.
 *
 * @returns null where the way is direct
 * @throws InputError `input-invalid` for a proxy that is no http or https URL; its text, which may hold a password, is not repeated
 */
export function proxyFor(url: URL, env: Environment): URL | null {
  if (isLoopback(url.host)) return null
  const name = url.protocol === 'https:' ? 'https_proxy' : 'http_proxy'
  const text = variable(name, env)
  if (text === '' || bypassed(url, variable('no_proxy', env))) return null
  const full = text.includes('://') ? text : `http://${text}`
  const proxy = URL.canParse(full) ? new URL(full) : null
  if (proxy !== null && proxy.hostname !== '' && ['http:', 'https:'].includes(proxy.protocol)) return proxy
  throw new InputError('input-invalid', `${name} is not the URL of a proxy that can be used`, {
    subject: name,
    remedy: 'Set it to http://HOST:PORT or https://HOST:PORT; socks is not spoken.',
  })
}

/** Options by which Node's agents go through a proxy, without a list of exceptions. */
export function byProxy(proxy: URL): { proxyEnv: Record<string, string> } {
  return { proxyEnv: { http_proxy: proxy.href, https_proxy: proxy.href, no_proxy: '' } }
}

function variable(name: string, env: Environment): string {
  return (env[name] || env[name.toUpperCase()] || '').trim()
}

/**
 * Entries are `*`, a name (itself and all below it, with or without a leading dot or `*.`), an address, or a range in CIDR form; each but a range
 * may end in a port. Names are not resolved.
 */
function bypassed(url: URL, list: string): boolean {
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, '')
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true
      if (entry.includes('/')) return inRange(host, entry)
      const [, name = entry, wanted] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))$/.exec(entry) ?? []
      if (wanted !== undefined && wanted !== port) return false
      const plain = name.replace(/^\[|\]$/g, '').replace(/^\*?\./, '')
      if (isIP(host) !== 0) return isIP(plain) === isIP(host) && sameAddress(host, plain)
      return host === plain || host.endsWith(`.${plain}`)
    })
}

function sameAddress(a: string, b: string): boolean {
  const list = new BlockList()
  list.addAddress(b, family(b))
  return list.check(a, family(a))
}

function inRange(host: string, entry: string): boolean {
  const [net = '', bits = ''] = entry.split('/')
  const kind = isIP(net)
  if (kind === 0 || isIP(host) !== kind || !/^[0-9]{1,3}$/.test(bits)) return false
  if (Number(bits) > (kind === 4 ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(net, Number(bits), family(net))
  return list.check(host, family(host))
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

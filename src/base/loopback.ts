import { isIPv4 } from 'node:net'

/**
 * Whether a host is this machine itself: `localhost`, 127.0.0.0/8 or `[::1]`, as a URL or a registry reference writes it.
 *
 * @param host with or without `:PORT`; IPv6 in brackets
 */
export function isLoopback(host: string): boolean {
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:[0-9]+$/, '')
  return name === 'localhost' || name === '[::1]' || /^127(?:\.[0-9]{1,3}){3}$/.test(name)
}

/**
 * Whether a URL's host is, in any spelling, an address by which a machine reaches itself: wider than {@link isLoopback}, for what must not be
 * reached. Names are not resolved.
 *
 * @param hostname as `URL` gives it, which brings numbers of all forms into one
 */
export function reachesItself(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost') || name.endsWith('.localdomain')) return true
  if (isIPv4(name)) return name.startsWith('127.') || name.startsWith('0.')
  if (!name.startsWith('[')) return false
  // `[::]`, `[::1]`, and IPv4 inside of IPv6: `[::ffff:7f00:1]`, `[::7f00:1]`, `[64:ff9b::7f00:1]`.
  return /^\[::1?\]$/.test(name) || /^\[(?:::|::ffff:|64:ff9b::)(?:7f[0-9a-f]{2}|0):[0-9a-f]{1,4}\]$/.test(name)
}

/** Whether a URL is reached by https, or by http without leaving this machine. False for text that is not a URL. */
export function isPrivateUrl(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

/**
 * Whether a host is this machine itself: `localhost`, 127.0.0.0/8 or `[::1]`, as a URL or a registry reference writes it.
 *
 * @param host with or without `:PORT`; IPv6 in brackets
 */
export function isLoopback(host: string): boolean {
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:[0-9]+$/, '')
  return name === 'localhost' || name === '[::1]' || /^127(?:\.[0-9]{1,3}){3}$/.test(name)
}

/** Whether a URL is reached by https, or by http without leaving this machine. False for text that is not a URL. */
export function isPrivateUrl(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

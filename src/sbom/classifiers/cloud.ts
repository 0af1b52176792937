import type { Classifier, Clue } from './types.ts'

/*
 * Programs whose version a linker flag set: it stands somewhere in their data, and only what lies around it tells it from the versions of
 * their libraries. Newer Go programs also carry build information, which the cataloger `go-binary` reads.
 */

const pre = String.raw`(?:-(?:alpha|beta|rc)\.[0-9]{1,8})?`
const helm = `([0-9]{1,8}\\.[0-9]{1,8}\\.[0-9]{1,8}${pre})`
const istio = String.raw`([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:-(?:alpha|beta|rc)\.[0-9]{1,8}|-dev)?)`
const istioClues: readonly Clue[] = [
  { text: new RegExp(`[0-9]{1,8}\\.[0-9]{1,8}\\.[0-9]{1,8}\\x00{1,64}${istio}\\x00`) },
  { text: new RegExp(`Clean\\x00{1,64}${istio}\\x00`), near: 'Clean\0' },
  { text: /Modified\x00{1,64}([0-9]{1,8}\.[0-9]{1,8}-dev)\x00/, near: 'Modified\0' },
  // Two constants of Go's run time that its linker puts behind the strings.
  { text: new RegExp(`${istio}\\x00`), after: ['=v<y5', 166], near: '=v<y5' },
]

const grafanaPre = String.raw`(?:-beta[0-9]|-test|-preview)?`
const grafana = `([0-9]{2}\\.[0-9]{1,8}\\.[0-9]{1,8}${grafanaPre})(?:\\+security-[0-9]{1,8})?`
const grafana9 = `([0-9]\\.[0-9]{1,8}\\.[0-9]{1,8}${grafanaPre})(?:\\+security-[0-9]{1,8})?`

const envoy = (minor: string): RegExp => new RegExp(`\\x00(1\\.${minor}\\.[0-9]{1,8}(?:-dev)?)\\x00`)

const beats: readonly Clue[] = [
  { text: /Test ([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})[a-z%]/, near: 'Test ' },
  { text: /plugin(?:output)?([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})[-a-z]/, near: 'plugin' },
  { text: /5m\.rate([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})-/, near: '5m.rate' },
]

export const cloudClassifiers: readonly Classifier[] = [
  {
    id: 'helm',
    name: 'helm',
    purl: { type: 'golang', namespace: 'helm.sh', name: 'helm' },
    files: ['helm'],
    clues: [
      { text: new RegExp(`\\x00v${helm}\\x00{2}`) },
      { text: new RegExp(`v${helm}\\x00`), after: ['go1.', 570], near: 'go1.' },
      { text: new RegExp(`\\x00v${helm}\\x00`) },
      { text: new RegExp(`@v${helm}\\x00`), near: '@v' },
    ],
  },
  {
    id: 'traefik',
    name: 'traefik',
    files: ['traefik'],
    clues: [
      { text: /(?:\x00v?|[\x80-\xff].?)([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:-alpha[0-9]|-beta[0-9]|-rc[0-9])?)\x00/ },
    ],
  },
  {
    id: 'consul',
    name: 'consul',
    purl: { type: 'golang', namespace: 'github.com/hashicorp', name: 'consul' },
    files: ['consul'],
    clues: [
      { text: /CONSUL_VERSION: (\d{1,19}\.\d{1,19}\.\d{1,19})/, near: 'CONSUL_VERSION: ' },
      { text: /GitDescribe=(\d{1,19}\.\d{1,19}\.\d{1,19})"/, near: 'GitDescribe=' },
      { text: /\x00v(\d{1,19}\.\d{1,19}\.\d{1,19})\x00/ },
    ],
  },
  {
    id: 'vault',
    name: 'github.com/hashicorp/vault',
    purl: { type: 'golang', namespace: 'github.com/hashicorp', name: 'vault' },
    files: ['vault'],
    clues: [
      { text: /revoke([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})/, near: 'revoke' },
      { text: /state([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}-rc[0-9])/, near: 'state' },
      { text: /016x(1\.1[134]\.[0-9]{1,2})/, near: '016x1.' },
      { text: /\x00(1\.[0-9]{1,2}\.[0-9]{1,8})\x00/ },
    ],
  },
  ...(['pilot-discovery', 'pilot-agent'] as const).map((name): Classifier => ({
    id: name,
    name,
    purl: { type: 'generic', name: 'istio' },
    files: [name],
    clues: istioClues,
  })),
  {
    id: 'grafana',
    name: 'grafana',
    files: ['grafana'],
    clues: [
      { text: /\x00([0-9]{2}\.[0-9]{1,8}\.[0-9]{1,8}-[0-9]{6,12})\x00/ },
      { text: /\x00([0-9]{1,2}\.[0-9]{1,8}\.[0-9]{1,8})\+security-[0-9]{1,8}\x00/, near: '+security-' },
      { text: new RegExp(`\\x00release-${grafana}\\x00`), near: '\0release-' },
      {
        text: new RegExp(`\\x00go1\\.[0-9]{1,8}\\.[0-9]{1,8}\\x00{1,64}${grafana}\\x00`),
        after: ['+DT', 560],
        near: '\0go1.',
      },
      { text: new RegExp(`${grafana}\\x00{1,64}\\$a`), near: '\0$a' },
      { text: new RegExp(`\\x00[^\\n](10\\.[0-9]{1,8}\\.[0-9]{1,8}${grafanaPre})(?:\\+security-[0-9]{1,8})?\\x00`) },
      { text: new RegExp(`${grafana}\\x00`), after: ['+DT', 290], near: '\0go1.' },
      { text: new RegExp(`${grafana9}\\x00{1,64}v[0-9]{1,8}\\.[0-9]{1,8}\\.x\\x00`), near: '.x\0' },
      { text: new RegExp(`\\x00${grafana9}\\x00`), before: ['HEAD\0', 300], near: 'HEAD\0' },
      { text: new RegExp(`[a-z0-9]\\x00{1,64}${grafana9}\\x00{1,64}/usr/local/go`), near: '/usr/local/go' },
    ],
  },
  {
    id: 'grafana-server',
    name: 'grafana',
    files: ['grafana-server'],
    clues: [
      { text: new RegExp(`[a-z0-9]\\x00{1,64}${grafana9}\\x00{1,64}/usr/local/go`), near: '/usr/local/go' },
      { text: new RegExp(`\\x00${grafana9}\\x00`), before: ['HEAD\0', 300], near: 'HEAD\0' },
      { text: new RegExp(`\\x00${grafana9}\\x00`), after: ['\0/u', 1100] },
    ],
  },
  {
    id: 'envoy',
    name: 'envoy',
    files: ['envoy'],
    clues: [
      { text: envoy('3[0-9]'), after: ['envoy_reloadable_features', 1025] },
      { text: envoy('34'), after: ['envoy.reloadable_features', 225] },
      { text: envoy('2[0-9]'), before: ['envoy_quic_', 1011] },
      { text: envoy('[12][0-9]'), after: ['Unable to', 1010] },
      { text: envoy('2[0-9]'), after: ['ValidationError', 595] },
      { text: envoy('1[0-9]'), after: ['ValidationError', 1015] },
      { text: envoy('1[0-9]'), before: ['[source/', 210] },
      { text: envoy('[0-9]'), after: ['RELEASE', 27] },
      { text: envoy('3[0-9]'), after: ['envoy', 5] },
      { text: envoy('3[0-9]'), after: ['envoy.', 206] },
      { text: envoy('3[0-9]'), after: ['envoy/', 206] },
      { text: envoy('3[0-9]'), after: ['envoy_quic', 1010] },
      { text: envoy('3[0-9]'), after: ['TLS ', 4] },
      { text: envoy('2[0-9]'), after: ['envoy', 5] },
      { text: envoy('2[0-9]'), after: ['envoy.', 506] },
      { text: envoy('2[0-9]'), after: ['envoy_', 306] },
    ],
  },
  {
    id: 'nginx-ingress-controller',
    name: 'nginx-ingress-controller',
    files: ['nginx-ingress-controller'],
    clues: [
      { text: new RegExp(`v([0-9]{1,8}\\.[0-9]{1,8}\\.[0-9]{1,8}(?:-(?:alpha|beta)\\.[0-9]{1,8})?)\\x00\\x00`) },
      { text: /v([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})\x00/, after: ['go1.', 120], near: 'go1.' },
      { text: /v([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:-(?:alpha|beta)\.[0-9])?)\x00/, after: ['$a', 860] },
      {
        text: /\x00v?([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:-(?:alpha|beta)\.[0-9])?)\x00/,
        after: ['S=v<y5', 170],
        near: 'S=v<y5',
      },
      { text: /\x00v([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}-(?:alpha|beta)\.[0-9])\x00/ },
    ],
  },
  ...(['filebeat', 'metricbeat', 'heartbeat', 'packetbeat', 'auditbeat'] as const).map((name): Classifier => ({
    id: name,
    name,
    files: [name],
    clues: beats,
  })),
  {
    id: 'elastic-agent',
    name: 'elastic-agent',
    files: ['elastic-agent'],
    clues: [
      { text: /enroll(?:: true)?([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8})-?header/, near: 'enroll' },
      { text: /PM([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}):https/, near: ':https' },
    ],
  },
]

import type { JsonObject } from '../../src/base/json.ts'
import type { Publication } from './publish.ts'

const docker = (policy: JsonObject, scope: string, requirements: unknown): unknown => ({
  ...policy,
  transports: { docker: { [scope]: requirements } },
})
const demand = (keyUri: string, more: object = { signedIdentity: { type: 'matchRepository' } }): unknown => [
  { type: 'sigstoreSigned', keyPath: keyUri, ...more },
]
const without = (one: JsonObject, ...names: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(one).filter(([name]) => !names.includes(name)))
const v1 = ({ kid = '', wrapped_data = '', iv = '', wrap_type = '' }: JsonObject): JsonObject => ({
  ...{ kid, wrapped_data, iv, wrap_type },
})

/** What is published for the real guest, by name. `guest check` has to say of each what the guest then does. */
export const cases: Readonly<Record<string, Publication>> = {
  'three-layers-gzip': {},
  'zstd-in-clear': { recipients: 'clear', compression: ['zstd'] },
  'tar-in-clear': { recipients: 'clear', compression: ['none'] },
  'tar-encrypted': { compression: ['none'] },
  'zstd-encrypted': { compression: ['zstd'], isNamedGzip: true },
  'jwe-only': { recipients: 'jwe' },
  'packet-v1': { packet: v1 },
  'packet-without-provider': { packet: (one) => without(one, 'provider') },
  'packet-with-host': {
    packet: (one) => ({ ...one, kid: String(one['kid']).replace('kbs:///', 'kbs://kbs.example:8080/') }),
  },
  'packet-without-scheme': { packet: (one) => ({ ...one, kid: String(one['kid']).replace('kbs:///', '/') }) },
  'packet-version-9': { packet: (one) => ({ ...one, version: '9' }) },
  'packet-other-provider': { packet: (one) => ({ ...one, provider: 'aliyun' }) },
  'packet-unknown-member': { packet: (one) => ({ ...one, extra: 'x' }) },
  'packet-without-settings': { packet: (one) => without(one, 'provider_settings', 'annotations') },
  'signature-changed': { signed: 'changed' },
  'signature-by-other-key': { signed: 'other-key' },
  'signature-missing': { signed: 'none' },
  'signature-as-bundle': { signed: 'bundle' },
  'signature-second-identity': { signed: 'with-other-identity' },
  'signature-other-identity': { signed: 'other-identity' },
  'signer-p384': { signer: 'P-384' },
  'signer-p521': { signer: 'P-521' },
  'signer-ed25519': { signer: 'ed25519' },
  'signer-rsa': { signer: 'rsa' },
  'key-of-other-image': { key: 'other' },
  'key-too-short': { key: 'short' },
  'key-missing': { key: 'missing' },
  'key-closed': { closed: 'key' },
  'policy-closed': { closed: 'policy' },
  'public-key-closed': { closed: 'public-key' },
  'measurement-not-met': { measurement: 'fffff' },
  'initdata-demanded': { bound: 'own' },
  'initdata-of-another-demanded': { bound: 'other' },
  'policy-other-image': { policy: (made, { keyUri }) => docker(made, 'registry.example.org/other', demand(keyUri)) },
  'policy-host': { policy: (made, { name, keyUri }) => docker(made, name.split('/')[0] ?? '', demand(keyUri)) },
  'policy-host-without-port': { policy: (made, { keyUri }) => docker(made, 'localhost', demand(keyUri)) },
  'policy-parent': { policy: (made, { name, keyUri }) => docker(made, name.replace(/\/[^/]*$/, ''), demand(keyUri)) },
  'policy-all-of-docker': { policy: (made, { keyUri }) => docker(made, '', demand(keyUri)) },
  'policy-by-digest': { policy: (made, { name, digest, keyUri }) => docker(made, `${name}@${digest}`, demand(keyUri)) },
  'policy-by-tag': { policy: (made, { name, keyUri }) => docker(made, `${name}:1.0`, demand(keyUri)) },
  'policy-exact-repository': {
    policy: (made, { name, keyUri }) =>
      docker(made, name, demand(keyUri, { signedIdentity: { type: 'exactRepository', dockerRepository: name } })),
  },
  'policy-exact-repository-other': {
    policy: (made, { name, keyUri }) =>
      docker(
        made,
        name,
        demand(keyUri, { signedIdentity: { type: 'exactRepository', dockerRepository: 'example.org/x' } }),
      ),
  },
  'policy-match-exact': {
    policy: (made, { name, keyUri }) => docker(made, name, demand(keyUri, { signedIdentity: { type: 'matchExact' } })),
  },
  'policy-remap': {
    policy: (made, { name, keyUri }) =>
      docker(
        made,
        name,
        demand(keyUri, { signedIdentity: { type: 'remapIdentity', prefix: name, signedPrefix: name } }),
      ),
  },
  'policy-no-identity': { policy: (made, { name, keyUri }) => docker(made, name, demand(keyUri, {})) },
  'policy-no-identity-second-identity': {
    signed: 'with-other-identity',
    policy: (made, { name, keyUri }) => docker(made, name, demand(keyUri, {})),
  },
  'policy-null-identity': {
    policy: (made, { name, keyUri }) => docker(made, name, demand(keyUri, { signedIdentity: null })),
  },
  'policy-key-data': {
    policy: (made, { name, publicKey }) =>
      docker(made, name, [{ type: 'sigstoreSigned', keyData: publicKey, signedIdentity: { type: 'matchRepository' } }]),
  },
  'policy-key-data-base64': {
    policy: (made, { name, publicKey }) =>
      docker(made, name, [{ type: 'sigstoreSigned', keyData: Buffer.from(publicKey).toString('base64') }]),
  },
  'policy-both-keys': {
    policy: (made, { name, keyUri, publicKey }) => docker(made, name, demand(keyUri, { keyData: publicKey })),
  },
  'policy-no-key': { policy: (made, { name }) => docker(made, name, [{ type: 'sigstoreSigned' }]) },
  'policy-two-requirements': {
    policy: (made, { name, keyUri }) =>
      docker(made, name, [{ type: 'insecureAcceptAnything' }, { type: 'sigstoreSigned', keyPath: keyUri }]),
  },
  'policy-reject-and-signed': {
    policy: (made, { name, keyUri }) =>
      docker(made, name, [{ type: 'sigstoreSigned', keyPath: keyUri }, { type: 'reject' }]),
  },
  'policy-unknown-requirement': { policy: (made, { name }) => docker(made, name, [{ type: 'cosignSigned' }]) },
  'policy-unknown-requirement-elsewhere': {
    policy: (made, { name, keyUri }) => ({
      ...made,
      transports: { docker: { [name]: demand(keyUri), 'example.org/x': [{ type: 'cosignSigned' }] } },
    }),
  },
  'policy-unknown-member': { policy: (made, { name, keyUri }) => docker(made, name, demand(keyUri, { extra: 1 })) },
  'policy-not-json': { policy: () => '{"default": [' },
  'policy-without-default': { policy: ({ transports = {} }) => ({ transports }) },
  'policy-without-transports': { policy: ({ default: one = [] }) => ({ default: one }) },
  'policy-fulcio': {
    policy: (made, { name, keyUri }) =>
      docker(made, name, demand(keyUri, { fulcio: { caData: 'x' }, signedIdentity: { type: 'matchRepository' } })),
  },
  'policy-inline': {
    initdata: (text) =>
      text.replace(
        /^image_security_policy_uri.*$/m,
        `image_security_policy = '{"default": [{"type": "reject"}], "transports": {}}'`,
      ),
  },
  'registry-authority-as-server': { registry: 'authority' },
  'registry-authority-not-named': { initdata: (text) => text.replace(/^extra_root_certificates[^]*?\]\n/m, '') },
  'initdata-other-kbs': { initdata: (text) => text.replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'http://127.0.0.1:9') },
  'initdata-other-kbs-of-agent': {
    initdata: (text) => text.replace(/http:\/\/127\.0\.0\.1:\d+/, 'http://127.0.0.1:9'),
  },
  'initdata-other-kbs-of-hub': {
    initdata: (text) => text.replace(/(\[kbc\][^]*?)http:\/\/127\.0\.0\.1:\d+/, '$1http://127.0.0.1:9'),
  },
  'initdata-without-kbc': { initdata: (text) => text.replace(/^\[kbc\]\nname.*\nurl.*\n/m, '') },
  'initdata-offline-kbc': { initdata: (text) => text.replace('"cc_kbc"', '"offline_fs_kbc"') },
  'initdata-unknown-kbc': { initdata: (text) => text.replace('"cc_kbc"', '"other_kbc"') },
  'initdata-without-token-config': { initdata: (text) => text.replace(/^\[token_configs\.kbs\]\nurl.*\n/m, '') },
  'initdata-without-socket': { initdata: (text) => text.replace(/^socket.*\n/m, '') },
  'initdata-without-credentials': { initdata: (text) => text.replace(/^credentials.*\n/m, '') },
}

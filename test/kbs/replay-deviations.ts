/** Policies in place of those that the recording of kbs-client leaves out, by step, with the constructs that they have. */
export const ownPolicies: Readonly<Record<string, string>> = {
  'set-policy-default':
    'package policy\n\ndefault allow = false\n\nplugin = data.plugin\n\nallow if {\n  plugin == "resource"\n  not input["submods"]["cpu0"]["ear.veraison.annotated-evidence"]["sample"]\n}\n',
  'set-policy-affirming':
    'package policy\nimport rego.v1\n\ndefault allow = false\n\nallow if {\n  not other\n  count(input.submods) > 0\n}\n\nother if {\n  some _, one in input.submods\n  one["ear.status"] != "affirming"\n}\n',
  'set-policy-deny': 'package policy\n\ndefault allow = false\n',
  'set-policy-allow': 'package policy\n\ndefault allow = true\n',
}

/** Requests that are answered otherwise, by file and step, with the reason. Every other answer is the same. */
export const deviations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  client: {
    'get-resource-token': 'its token comes from an Attestation Service outside; ours believes only its own',
  },
  'probe-good': {
    metrics: 'ours has no /metrics: Trustee shows everybody the paths of all resources',
    'resource by cookie RSA1_5': 'RSA1_5 is deprecated (RFC 8725 §3.2) and never used to wrap a key here',
    'resource by bearer RSA1_5': 'the same',
    'rcar sampledevice attest': 'ours appraises no devices',
  },
  'probe-bad': {
    'admin publisher on its path': 'ours has one role, admin',
    'admin publisher, ACL by encoded slash': 'the same',
    'admin publisher delete (method not in ACL)': 'the same',
    'absolute-form target': 'a target with scheme and host has no path here',
    'metrics POST': 'ours has no /metrics',
    'resource policy not UTF-8': 'shorter text',
    'resource policy syntax error': 'shorter text: no line of the policy',
    'resource policy empty text': 'the same',
    'resource policy no package line': 'the same',
    'resource policy v0 syntax': 'the same',
    'get under: conflict': 'readers are shown no line of the policy',
    'resource policy other package': 'refused when it is written: Trustee takes it, and it then allows nothing',
    'get under: other package': 'the policy before is still in force',
    'resource policy unknown function': 'refused when it is written: Trustee takes it, and then no read works',
    'get under: unknown function': 'the policy before is still in force',
    'get under: v0 syntax': 'the same',
    'attestation policy type opa': 'refused: Rego is the only type',
    'attestation policy id dot-dot': 'refused: ids are names',
    'attestation policy id empty': 'the same',
    'rcar, claim out of range attest': 'refused: Trustee cuts numbers to 8 bits, and 1000 affirms',
    'rcar, claim 258 attest': 'the same',
    'rv read rv_good': 'a message with a bad id stores nothing; Trustee stores what comes before it in a random order',
    'tee se auth': 'a technology that is not known here is said at once',
    'init-data algorithm sm3 attest': 'a hash function that OpenSSL need not have',
    'get token forged with own header jwk': 'insecure_header_jwk, which ours does not offer',
  },
  'probe-pinned': {},
  'probe-restart': {},
  'probe-oldtoken': {
    'old token: get by cookie': 'the recorded server had been restarted with a token lifetime in the past',
  },
  'probe-denyall': {
    'denyall: anonymous list policies': 'a server whose configuration has no admin; ours always has its key',
    'denyall: anonymous set resource': 'the same',
    'denyall: list policies with token': 'the same',
  },
  'probe-insecure': {
    'insecure: anonymous list policies': 'InsecureAllowAll, which ours does not offer',
    'insecure: anonymous set resource': 'the same',
    'insecure: list policies with token': 'ours has no policy before one was set, and gives nothing out',
  },
  'probe-notimer': {
    'timeout0: attest': 'sessions of the recorded server end at once by its configuration',
    'timeout0: get': 'the same',
  },
  'probe-aclalt': {
    'ACL with alternation: other path': 'an admin whose configuration has a list of paths; ours has none',
  },
  reader: {},
  image: {},
  'keyprovider-registration': {},
  'probe-as': {
    jwks: 'the key is another',
    policies: 'ours grades one class of devices',
    'raw, padded base64': 'shorter text',
    'evidence as object': 'shorter text',
    'policy_ids missing': 'shorter text',
    'body 3 MiB': 'shorter text',
    'two devices': 'ours appraises one device, a processor',
    'only a device': 'the same',
    'tee tdx (no verifier)': 'ours has a verifier, which wants runtime data',
    'set policy mine_cpu': 'this door knows no admin: policies are written through that of the KBS',
    'policy syntax error': 'the same',
    'policy mine': 'that policy was not written',
    'policies mine and default': 'the same',
    challenge: 'not offered: askers name their own nonce',
    'challenge without params': 'the same',
  },
}

import { agentPolicyProblems, agentPolicyWords } from '../../../src/deploy/agent-policy/problems.ts'
import { agentPolicy } from '../../../src/deploy/agent-policy/write.ts'
import { image, wanted } from './requests.ts'

const head = 'package agent_policy\n\nimport future.keywords.in\n'
const accepted = (text: string, about: string | null = image) =>
  agentPolicyProblems(text, about).map(({ accept }) => accept)
const ours = agentPolicy(wanted)

/** A policy in the form of genpolicy: rules, then what they read. */
const generated = (compares: string, data: Record<string, unknown> = {}): string => `${head}
default CreateContainerRequest := false
default ExecProcessRequest := false

# The digest in a comment is no binding: ${image}
CreateContainerRequest := {"ops": [], "allowed": true} {
  every i_storage in input.storages { allow_storage(policy_data.containers[_], i_storage) }
  count([s | s := input.storages[_]; s.driver == "image_guest_pull"]) == 1
}

allow_storage(p_container, i_storage) {
  print("i_storage.source =", i_storage.source)
  i_storage.driver == "image_guest_pull"
  ${compares}
}

ExecProcessRequest {
  some p_command in policy_data.request_defaults.ExecProcessRequest.allowed_commands
  p_command == input.process.Args
}

policy_data := ${JSON.stringify({ containers: [{ image, exec_commands: [] }], request_defaults: { ExecProcessRequest: { allowed_commands: [], regex: [] }, ReadStreamRequest: false }, ...data }, null, 2)}
`
const binds = 'i_storage.source == p_container.image'
const request = (members: Record<string, unknown>) => ({ request_defaults: members })

test('a policy of ours about this image has no problem, with logs one that is accepted by name', () => {
  expect(agentPolicyProblems(ours, image)).toEqual([])
  expect(accepted(agentPolicy({ ...wanted, logs: true }))).toEqual(['read-stream'])
})

test('a policy in the form of genpolicy that binds the image has none', () => {
  expect(agentPolicyProblems(generated(binds), image)).toEqual([])
})

const another = `registry.example.com/team/app@sha256:${'cd'.repeat(32)}`
test.each([
  ['ours about another image', agentPolicy({ ...wanted, image: another }), ['unbound-image']],
  [
    'ours about another name of the digest',
    agentPolicy({ ...wanted, image: image.replace('team', 'other') }),
    ['unbound-image'],
  ],
  ['ours with a line less', ours.replace('  storage.source == image\n', ''), ['unbound-image']],
  ['ours with a line more', `${ours}\ndefault SetPolicyRequests := true\n`, ['unbound-image']],
  ['a source that is not compared', generated('i_storage.fstype == "overlay"'), ['unbound-image']],
  ['a source that is only printed', generated('print("source", i_storage.source)'), ['unbound-image']],
  ['a source in a comment', generated('true # i_storage.source == p_container.image'), ['unbound-image']],
  ['no digest', generated(binds).replaceAll(`"image": "${image}"`, '"image": "app:1"'), ['unbound-image']],
  ['no rule for pulls', generated(binds).replace('i_storage.driver == "image_guest_pull"', 'true'), ['unbound-image']],
  [
    'an allowed command',
    generated(binds, request({ ExecProcessRequest: { allowed_commands: [['sh']], regex: [] } })),
    ['exec'],
  ],
  [
    'an allowed pattern',
    generated(binds, request({ ExecProcessRequest: { allowed_commands: [], regex: ['^sh'] } })),
    ['exec'],
  ],
  ['a probe', generated(binds, { containers: [{ image, exec_commands: [['cat']] }] }), ['exec']],
  [
    'streams',
    generated(binds, request({ ReadStreamRequest: true, WriteStreamRequest: true })),
    ['read-stream', 'write-stream'],
  ],
  ['mounts', generated(binds, request({ UpdateEphemeralMountsRequest: true })), ['ephemeral-mounts']],
  ['data that cannot be read', generated(binds).replace('policy_data := {', 'policy_data := {,'), [null]],
  ['data that a rule makes', `${ours}\npolicy_data := input\n`, [null]],
  ['another package', ours.replace('agent_policy', 'policy'), [null]],
  ['no Rego', '<html>', [null]],
  ['an unfinished text', `${head}x := "`, [null]],
])('%s', (_, text, words) => {
  expect(accepted(text)).toEqual(words)
})

const requests = {
  AllowRequestsFailingPolicy: 'failing-requests',
  CopyFileRequest: 'copy-file',
  CreateContainerRequest: 'create-container',
  ExecProcessRequest: 'exec',
  ReadStreamRequest: 'read-stream',
  SetPolicyRequest: 'set-policy',
  UpdateEphemeralMountsRequest: 'ephemeral-mounts',
  WriteStreamRequest: 'write-stream',
}
test.each(Object.entries(requests))('%s without a condition is found in each way to write it', (name, word) => {
  const forms = [
    'default NAME := true',
    'default NAME = true',
    'NAME := true',
    'NAME = true',
    'NAME := true if true',
    'NAME if true',
    'NAME if { true }',
    'NAME { true }',
    'NAME := true if { true }',
    '  NAME = true # why',
    'x := 1; NAME := true',
  ]
  for (const form of forms)
    expect([form, accepted(`${head}${form.replace('NAME', name)}\n`, null)]).toEqual([form, [word]])
  for (const form of ['default NAME := false', '# default NAME := true', 'x := "NAME := true"', 'NAME if { input.ok }'])
    expect([form, accepted(`${head}${form.replace('NAME', name)}\n`, null)]).toEqual([form, []])
})

test('each word can be needed', () => {
  expect([...Object.values(requests), 'unbound-image'].sort()).toEqual([...agentPolicyWords].sort())
})

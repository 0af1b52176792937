/** Requests by which a host runs other code in a guest, reads from it, or takes the policy away, where the agent's policy always allows them. */
const dangerous = [
  'AllowRequestsFailingPolicy',
  'CopyFileRequest',
  'CreateContainerRequest',
  'ExecProcessRequest',
  'ReadStreamRequest',
  'SetPolicyRequest',
  'UpdateEphemeralMountsRequest',
  'WriteStreamRequest',
]

/**
 * What is plainly wrong with the agent policy of an initdata document, in words. A reading of lines, no proof: a policy without a finding can still be
 * too wide.
 *
 * @param policy content of `policy.rego`; undefined where the document has none
 */
export function agentPolicyProblems(policy: string | undefined): string[] {
  if (policy === undefined)
    return ['it has no policy.rego: the policy of the guest image applies, which allows everything in the usual builds']
  const always = String.raw`[ \t]*(:?=[ \t]*true|(:?=[ \t]*true[ \t]+)?if[ \t]*(true|\{[ \t]*true[ \t]*\}))[ \t]*(#.*)?$`
  const allowed = dangerous.filter((name) =>
    new RegExp(String.raw`^[ \t]*(default[ \t]+)?${name}${always}`, 'm').test(policy),
  )
  return allowed.length === 0 ? [] : [`its policy.rego always allows ${allowed.join(', ')}: the host decides what runs`]
}

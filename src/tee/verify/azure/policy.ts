/** What is accepted of Azure's paravisor and its vTPM, beside what its processor's own rules say. */
export interface AzureOptions {
  /** Take evidence whose user-data does not carry the binding: of versions 0 and 1, before the paravisor knew it. */
  acceptUnboundUserData?: boolean | undefined
  /** PCR that the agent extends. */
  register?: string | undefined
}

/** What one of the doors sends back. */
export interface Reply {
  status: number
  body: string
  contentType: string | null
  cookie?: string | undefined
}

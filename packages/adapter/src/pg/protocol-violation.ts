/** An answer that is not as PostgreSQL's protocol has it. Nothing behind it can be trusted, so the connection ends. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation'

  constructor(what: string, options?: ErrorOptions) {
    super(`the server broke the protocol: ${what}; the connection was closed`, options)
  }
}

/** Which header fields the pages about errors do not show, in the Python worker too. */

/** A pattern for names of fields, in any case. */
export const SECRET =
  'auth|cookie|token|secret|passw|credential|session|signature|api-?key|csrf|xsrf'
/** What stands for their values. */
export const MASK = '[hidden]'

/** Which header fields the pages about errors do not show, in the Python worker too. */

/** A pattern for names of fields, in any case. */
export const SECRET =
  'auth|cookie|token|secret|passw|credential|session|signature|api-?key|csrf|xsrf'
/** What stands for their values. */
export const MASK = '[hidden]'
/** A pattern for names of query parameters whose values no log has, in any case. */
export const SECRET_PARAMETER =
  '(?:(?:access|api|auth|id|refresh|session)[-_]?)?token|(?:access|api|private)[-_]?key|auth|authorization|client[-_]?secret|credentials|jwt|passphrase|passwd|password|pwd|secret|session[-_]?id|sig|signature|x-amz-(?:security-token|signature)'

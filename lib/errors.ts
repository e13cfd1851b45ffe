/** Who has to act on an error. */
export type Blame = 'client' | 'app' | 'server' | 'operator'

interface ErrorRow {
  /** What happened. */
  readonly message: string
  /** What to do about it. */
  readonly hint: string
  readonly blame: Blame
  /** The status a client gets for it, when it gets one. */
  readonly status?: number
}

/** Every error that monodon raises or logs. */
export const ERRORS = {
  MONODON_BAD_HEADER: {
    message: 'the app set a header field that HTTP does not allow',
    hint: 'remove CR, LF, control characters and characters outside latin1',
    blame: 'app',
    status: 500,
  },
  MONODON_BODY_TRUNCATED: {
    message: 'the client left before it had sent the whole body',
    hint: 'nothing: the request cannot be completed',
    blame: 'client',
    status: 400,
  },
  MONODON_BODY_MALFORMED: {
    message: 'the request body is not framed as HTTP requires',
    hint: 'correct the client',
    blame: 'client',
    status: 400,
  },
  MONODON_BODY_TOO_LARGE: {
    message: 'the request body is larger than limit-request-body',
    hint: 'send less, or raise limit-request-body',
    blame: 'client',
    status: 413,
  },
  MONODON_BODY_TIMED_OUT: {
    message: 'the request body made no progress for body-timeout',
    hint: 'send faster, or raise body-timeout',
    blame: 'client',
    status: 408,
  },
  MONODON_BODY_ABORTED: {
    message: 'the client has gone',
    hint: 'stop reading when the signal aborts',
    blame: 'client',
  },
  MONODON_BODY_FINISHED: {
    message: 'the request body was read after the response had ended',
    hint: 'read the body before the response is complete',
    blame: 'app',
  },
  MONODON_APP_THREW: {
    message: 'the app failed',
    hint: 'see the stack',
    blame: 'app',
    status: 500,
  },
} as const satisfies Record<string, ErrorRow>

/** A stable error code. */
export type ErrorCode = keyof typeof ERRORS

/** An error of monodon: a stable `code`, who is to blame, and what to do about it. */
export class MonodonError extends Error {
  readonly code: ErrorCode
  readonly blame: Blame
  readonly hint: string

  constructor(code: ErrorCode, options: { detail?: string; cause?: unknown } = {}) {
    const row = ERRORS[code]
    super(
      options.detail === undefined ? row.message : `${row.message}: ${options.detail}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    )
    this.name = 'MonodonError'
    this.code = code
    this.blame = row.blame
    this.hint = row.hint
  }
}

import { type ErrorCode, isErrorCode, MonodonError, messageOf } from '../../errors.ts'

/** Those whose text says by itself what cannot be done. */
const SAYING: ReadonlySet<ErrorCode> = new Set([
  'MONODON_BIND_FAILED',
  'MONODON_HOST_UNKNOWN',
  'MONODON_BAD_DESCRIPTOR',
  'MONODON_THREAD_FAILED',
])

/** What native code threw at the start: it puts the code before the text. Or it could not be loaded at all. */
export function startFailure(error: unknown): MonodonError {
  if (error instanceof MonodonError) return error
  const text = messageOf(error)
  const [, code = '', detail = text] = /^(MONODON_\w+): (.*)$/s.exec(text) ?? []
  if (!isErrorCode(code)) return new MonodonError('MONODON_BIND_FAILED', { detail })
  return new MonodonError(code, SAYING.has(code) ? { message: detail } : { detail })
}

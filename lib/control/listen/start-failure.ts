import { isErrorCode, MonodonError, messageOf } from '../../errors.ts'

/** What native code threw at the start: it puts the code before the text. Or it could not be loaded at all. */
export function startFailure(error: unknown): MonodonError {
  if (error instanceof MonodonError) return error
  const text = messageOf(error)
  const [, code = '', detail = text] = /^(MONODON_\w+): (.*)$/s.exec(text) ?? []
  if (!isErrorCode(code)) return new MonodonError('MONODON_BIND_FAILED', { detail })
  // Of an address the text says by itself that it cannot be listened on.
  const says = code === 'MONODON_BIND_FAILED' ? { message: detail } : { detail }
  return new MonodonError(code, says)
}

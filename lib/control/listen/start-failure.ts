import { isErrorCode, MonodonError, messageOf } from '../../errors.ts'

/** What native code threw at the start: it puts the code before the text. */
export function startFailure(error: unknown): MonodonError {
  const text = messageOf(error)
  const [, code = '', detail = text] = /^(MONODON_\w+): (.*)$/s.exec(text) ?? []
  return new MonodonError(isErrorCode(code) ? code : 'MONODON_BIND_FAILED', { detail })
}

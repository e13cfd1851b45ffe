import { MonodonError } from '../errors.ts'
import { log } from '../log.ts'

/** What cannot be done: logged, and to be thrown to who asked. */
export function refused(detail: string, by: string): MonodonError {
  log('warning', `Not done (${by}): ${detail}`)
  return new MonodonError('MONODON_COMMAND_REFUSED', { detail })
}

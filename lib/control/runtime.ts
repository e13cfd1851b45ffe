/** Which language an app is in. */

import { resolve } from 'node:path'
import type { Options } from '../options/table.ts'
import { findPythonModule, findScript, moduleOf } from '../worker/places.ts'

export type Runtime = 'javascript' | 'python'

/**
 * The language of the app `spec`: what `--interface` says; else that of the file that is there.
 * JavaScript comes first where there are both, and has the word where there is neither.
 */
export function runtimeOf(
  spec: string,
  options: Pick<Options, 'interface' | 'pythonpath'>,
  cwd: string,
): Runtime {
  if (options.interface !== 'auto') return options.interface === 'python' ? 'python' : 'javascript'
  const module = moduleOf(spec)
  if (module.endsWith('.py')) return 'python'
  if (findScript(module, cwd) !== undefined) return 'javascript'
  const folders = [cwd, ...options.pythonpath.map((folder) => resolve(cwd, folder))]
  return findPythonModule(module, folders) === undefined ? 'javascript' : 'python'
}

/** The programs that workers in processes run. */

import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CODE_FOLDER } from '../../code-folder.ts'
import { MonodonError } from '../../errors.ts'
import { errorLogDescriptor } from '../../log.ts'
import type { Options } from '../../options/table.ts'
import type { Runtime } from '../runtime.ts'

export interface Program {
  readonly command: string
  /** Before the app's name. */
  readonly args: readonly string[]
  readonly cwd: string
  /** Where its standard error goes: a descriptor. */
  readonly errorLog: () => number
  /**
   * Makes it write where it is to the error log, if it can. Node heeds no signal while JavaScript runs
   * but SIGUSR1, which opens a debugger to every user of the machine.
   */
  readonly dumpSignal: NodeJS.Signals | undefined
  /** What it means that the command could not be started. */
  readonly notStarted: (error: Error) => Error
}

/**
 * The program for workers of a runtime.
 *
 * @throws MonodonError `MONODON_PYTHON_MISSING`
 */
export function programOf(
  runtime: Runtime,
  options: Pick<Options, 'python'>,
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): Program {
  return runtime === 'python' ? pythonProgram(options.python, cwd, env) : nodeProgram(cwd)
}

function nodeProgram(cwd: string): Program {
  return {
    command: process.execPath,
    args: [...process.execArgv, fileURLToPath(new URL('worker/child.js', CODE_FOLDER))],
    cwd,
    errorLog: errorLogDescriptor,
    dumpSignal: undefined,
    notStarted: (error) => error,
  }
}

function pythonProgram(python: string, cwd: string, env: NodeJS.ProcessEnv): Program {
  const command = findPython(python, cwd, env)
  return {
    command,
    args: [fileURLToPath(new URL('python', CODE_FOLDER))],
    cwd,
    errorLog: errorLogDescriptor,
    dumpSignal: 'SIGUSR1',
    notStarted: (error) =>
      new MonodonError('MONODON_PYTHON_MISSING', { detail: `${command}: ${error.message}` }),
  }
}

/** `--python`, else the interpreter of the virtual environment that is active, else the one on PATH. */
function findPython(python: string, cwd: string, env: NodeJS.ProcessEnv): string {
  if (python !== '') {
    const found = python.includes('/') ? runnable(resolve(cwd, python)) : onPath(python, env)
    if (found !== undefined) return found
    throw missing(`--python is ${python}, which cannot be run`)
  }
  const environment = env['VIRTUAL_ENV']
  if (environment !== undefined && environment !== '') {
    const found =
      runnable(join(environment, 'bin/python3')) ?? runnable(join(environment, 'bin/python'))
    if (found !== undefined) return found
    throw missing(`VIRTUAL_ENV is ${environment}, which has no bin/python3`)
  }
  const found = onPath('python3', env) ?? onPath('python', env)
  if (found === undefined) throw missing('there is no python3 on PATH, and VIRTUAL_ENV is not set')
  return found
}

function onPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => runnable(join(folder, name))).find((path) => path !== undefined)
}

function runnable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile() ? path : undefined
  } catch {
    return undefined
  }
}

function missing(detail: string): MonodonError {
  return new MonodonError('MONODON_PYTHON_MISSING', { detail })
}

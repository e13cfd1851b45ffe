// What the scripts share: where things lie, and how other programs are run. Built-ins only: these
// files run before anything is installed.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** A failure that has a message for people and needs no stack. */
export class Failure extends Error {}

/** Runs `main` as a script: a `Failure` becomes one line and exit code 1. */
export async function script(main) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    console.error(`\nmonodon: ${error.message}`)
    process.exitCode = 1
  }
}

/** A program of the development dependencies. */
export const bin = (name) => join(root, 'node_modules/.bin', name)

/**
 * Runs a program in the project's folder and shows what it prints.
 *
 * @param {{ env?: Record<string, string>, onText?: (text: string) => void }} [options]
 *   `onText` also gets what goes to standard output
 * @returns {Promise<number>} its exit code
 * @throws {Failure} when it cannot be started
 */
export function run(command, args, { env, onText } = {}) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['inherit', onText ? 'pipe' : 'inherit', 'inherit'],
  })
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    process.stdout.write(text)
    onText(text)
  })
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Failure(`cannot run ${command}: ${error.message}`)))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

/** Runs a program that must succeed. */
export async function must(command, args, options) {
  const code = await run(command, args, options)
  if (code !== 0) throw new Failure(`${[command, ...args].join(' ')} failed with exit code ${code}`)
}

/** npm itself, as the one that runs this script, or the one in the path. */
export function npm(...args) {
  const path = process.env.npm_execpath
  return path?.endsWith('.js') ? [process.execPath, [path, ...args]] : ['npm', args]
}

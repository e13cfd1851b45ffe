/**
 * The command: `monodon [dev] APP [options]`, and `monodon ctl`, `top` and `trace`. What it does not need it
 * does not load.
 */

import { statSync } from 'node:fs'
import { resolve as resolvePath } from 'node:path'
import type { Launch } from '../control/upgrade/launch.ts'
import { BootFailure } from '../control/workers/app-worker.ts'
import { errorRow, errorText, MonodonError } from '../errors.ts'
import { setLogFormat, setLogLevel } from '../log.ts'
import { readArgs } from '../options/args.ts'
import { type Resolved, resolve } from '../options/resolve.ts'
import type { Options } from '../options/table.ts'
import { packageVersion } from '../version.ts'
import { type ImportConfig, loadConfigFile } from './config-file.ts'

/**
 * Runs the command.
 *
 * @param argv what follows the command's name
 * @param launch how the process was started
 * @returns the exit code: 0, 2 for wrong usage, 3 for an app that cannot boot (for `monodon ctl`, `top`
 *   and `trace`: no server answers), 1 for all else
 */
export async function main(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  launch: Launch,
): Promise<number> {
  try {
    return await run(argv, env, launch)
  } catch (error) {
    const isBootFailure = error instanceof BootFailure
    process.stderr.write(`monodon: ${isBootFailure ? error.message : errorText(error)}\n`)
    if (isBootFailure) return errorRow('MONODON_APP_NOT_LOADED').exit ?? 1
    return error instanceof MonodonError ? (errorRow(error.code).exit ?? 1) : 1
  }
}

async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  launch: Launch,
): Promise<number> {
  const rest = argv.slice(1)
  if (argv[0] === 'ctl') return (await import('./ctl/command.ts')).runCtl(rest, env)
  if (argv[0] === 'top') return (await import('./top/command.ts')).runTop(rest, env)
  if (argv[0] === 'trace') return (await import('./trace/command.ts')).runTrace(rest, env)
  const { app, args, isDev, command, flags } = readArgs(argv)
  if (command === 'help') return print((await import('./help.ts')).helpText())
  if (command === 'version') return print(await versionText())

  const startFolder = process.cwd()
  // Without what `--env` adds to it later.
  const given = { ...env }
  const optionsFrom = (importModule?: ImportConfig): Promise<Resolved> => {
    const loadFile = (path: string | undefined) => loadConfigFile(path, startFolder, importModule)
    return resolve({ flags, env: given, isDev, loadFile })
  }
  const resolved = await optionsFrom()
  if (command === 'printConfig') return print(await configText(resolved))

  const { options } = resolved
  if (app === undefined)
    throw new MonodonError('MONODON_USAGE', {
      detail: isDev
        ? 'no app was named, for example: monodon dev src/app.ts (an app called dev is: monodon ./dev)'
        : 'no app was named, for example: monodon src/app.ts:app',
    })
  const cwd = changeFolder(startFolder, options.chdir)
  setLogLevel(options.logLevel)
  setLogFormat(options.logFormat)
  if (command === 'checkConfig') {
    const { checkApp } = await import('../control/check.ts')
    const { loadToCheck } = await import('../worker/check.ts')
    return print(`OK: ${await checkApp({ app, args, options, cwd }, loadToCheck)}\n`)
  }
  const { runServer } = await import('../control/run.ts')
  const onStarted = isDev ? (await import('./dev-console.ts')).openConsole : undefined
  const readAgain = async (): Promise<Options> => {
    const { importAnew } = await import('./config-thread.ts')
    return (await optionsFrom((file) => importAnew(file, given))).options
  }
  await runServer({ app, args, options, cwd }, launch, readAgain, onStarted)
  return 0
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

async function versionText(): Promise<string> {
  const { platform, arch } = process
  return `monodon ${packageVersion()} (native ${await nativeVersion()}, node ${process.version}, ${platform}-${arch})\n`
}

async function nativeVersion(): Promise<string> {
  try {
    const native = await import('../bridge/native.ts')
    return native.nativeVersion()
  } catch {
    return 'cannot be loaded'
  }
}

/** A long value does not move the sources of all others out of sight. */
const VALUE_COLUMNS = 40

async function configText({ options, origins }: Resolved): Promise<string> {
  const { OPTION_KEYS } = await import('../options/table.ts')
  const { kebab } = await import('../options/names.ts')
  const { shownValue } = await import('../options/describe.ts')
  const rows = OPTION_KEYS.map(
    (key) => [kebab(key), shownValue(key, options), origins[key]] as const,
  )
  const nameColumns = Math.max(...rows.map(([name]) => name.length))
  const valueColumns = Math.min(VALUE_COLUMNS, Math.max(...rows.map(([, value]) => value.length)))
  return rows
    .map(
      ([name, value, origin]) =>
        `${name.padEnd(nameColumns)}  ${value.padEnd(valueColumns)}  ${origin}\n`,
    )
    .join('')
}

function changeFolder(startFolder: string, chdir: string): string {
  if (chdir === '') return startFolder
  const folder = resolvePath(startFolder, chdir)
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new MonodonError('MONODON_BAD_OPTION', {
      detail: `chdir is ${folder}, which is no directory`,
    })
  process.chdir(folder)
  return folder
}

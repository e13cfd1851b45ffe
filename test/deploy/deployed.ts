/** The files of docs/deploy, and servers that are started as these say. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll } from 'vitest'
import { FRAMEWORKS_MS, pythonWith } from '../support/python.ts'
import type { Scratch } from '../support/scratch.ts'
import { SpawnedServer } from '../support/spawned.ts'

export const DEPLOY = fileURLToPath(new URL('../../docs/deploy/', import.meta.url))
const HERE = fileURLToPath(new URL('.', import.meta.url))

export function textOf(name: string): string {
  return readFileSync(join(DEPLOY, name), 'utf8')
}

/** Seconds of a duration as the options, Docker, Fly and systemd write them: `90`, `30s`, `2m`. */
export function seconds(duration: string): number {
  const [, count, unit = 's'] = /^(\d+)(s|m)?$/.exec(duration) ?? []
  if (count === undefined) throw new Error(`no duration: ${duration}`)
  return Number(count) * (unit === 'm' ? 60 : 1)
}

/** Flaws of a YAML file by the schemas of Kubernetes or of Compose. Call `withSchemas` in the suite. */
export function flawsOf(kind: 'kubernetes' | 'compose', path: string): string {
  return execFileSync(python, [join(HERE, 'validate.py'), kind, path], { encoding: 'utf8' })
}

let python: string

/** Installs what has the schemas, before the tests of a suite. */
export function withSchemas(): void {
  beforeAll(async () => {
    python = await pythonWith('deploy', [join(HERE, 'requirements.txt')])
  }, FRAMEWORKS_MS)
}

/**
 * Starts what a deploy file starts: a `monodon` command and its environment, in a folder with `app.ts`.
 * Its addresses are replaced by free ones of this machine, and nothing else.
 */
export async function startAsDeployed(
  scratch: Scratch,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<SpawnedServer> {
  const [program, app, ...flags] = command
  if (!/(?:^|\/)monodon$/.test(program ?? '')) throw new Error(`${program} is not monodon`)
  writeFileSync(
    scratch.path('app.ts'),
    'export default (request: Request) => new Response(request.headers.get("x-forwarded-for"))',
  )
  const env = { ...environment }
  for (const name of ['MONODON_BIND', 'MONODON_METRICS_BIND'])
    if (env[name] !== undefined) env[name] = '127.0.0.1:0'
  return SpawnedServer.start(app!, flags, env, scratch.folder)
}

/** The Dockerfiles and the Compose file: their form, and what they start, probe and stop. */
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { validate } from 'dockerfile-utils'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Holdings } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import { Scratch } from '../support/scratch.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { DEPLOY, flawsOf, seconds, startAsDeployed, textOf, withSchemas } from './deployed.ts'

interface Stage {
  readonly from: string
  readonly instructions: readonly (readonly [name: string, rest: string])[]
}

/** The stages of a Dockerfile, lines that go on joined. */
function stagesOf(text: string): Stage[] {
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter(Boolean)
  const stages: { from: string; instructions: [string, string][] }[] = []
  for (const line of lines) {
    const [, name = '', rest = ''] = /^(\w+) (.*)$/.exec(line) ?? []
    if (name === 'FROM') stages.push({ from: rest, instructions: [] })
    else stages.at(-1)!.instructions.push([name, rest])
  }
  return stages
}

class FinalStage {
  private readonly stage: Stage

  constructor(file: string) {
    this.stage = stagesOf(textOf(file)).at(-1)!
  }

  all(name: string): string[] {
    return this.stage.instructions.filter(([other]) => other === name).map(([, rest]) => rest)
  }

  /** The one instruction of that name. */
  the(name: string): string {
    const all = this.all(name)
    if (all.length !== 1) throw new Error(`there are ${all.length} ${name}`)
    return all[0]!
  }

  get env(): Record<string, string> {
    return Object.fromEntries(this.all('ENV').map((rest) => rest.split(/=(.*)/, 2)))
  }

  get command(): string[] {
    return JSON.parse(this.the('CMD'))
  }

  get healthcheck(): string[] {
    return JSON.parse(this.the('HEALTHCHECK').replace(/^.*? CMD /, ''))
  }
}

describe.each(['docker/Dockerfile', 'docker/Dockerfile.python'])('%s', (file) => {
  const final = new FinalStage(file)

  test('is well formed', () => {
    expect(validate(textOf(file)).map(({ message }) => message)).toEqual([])
  })

  test('leaves compilers behind, and is nobody’s root', () => {
    const stages = stagesOf(textOf(file))
    expect(stages.length).toBeGreaterThan(1)
    expect(stages.at(-1)!.from).toMatch(/-slim$/)
    expect(final.the('USER')).not.toBe('root')
    // After USER nothing is made that would belong to the app's user.
    const names = stages.at(-1)!.instructions.map(([name]) => name)
    expect(names.slice(names.indexOf('USER'))).not.toContain('RUN')
  })

  test('starts the server itself, which hears the signals', () => {
    expect(final.command[0]).toMatch(/(?:^|\/)monodon$/)
    expect(final.the('STOPSIGNAL')).toBe('SIGTERM')
    expect(`0.0.0.0:${final.the('EXPOSE')}`).toBe(final.env['MONODON_BIND'])
  })
})

describe('what docker/Dockerfile starts', () => {
  const final = new FinalStage('docker/Dockerfile')
  const scratch = new Scratch()
  let server: SpawnedServer
  let before: Holdings
  beforeAll(async () => {
    server = await startAsDeployed(scratch, final.command, final.env)
    before = server.holdings
  })
  afterAll(() => scratch.remove())

  /** Whether it is healthy, as the engine finds out: with the port that it has here. */
  function isHealthy(command: readonly string[]): boolean {
    const [program, ...args] = command.map((part) => part.replace(':8000', `:${server.port}`))
    return spawnSync(program!, args, { stdio: 'ignore' }).status === 0
  }

  test('is healthy until it has ended', async () => {
    expect(isHealthy(final.healthcheck)).toBe(true)
    await server.released(before)
    expect(await server.stop(final.the('STOPSIGNAL') as NodeJS.Signals)).toBe(0)
    expect(isHealthy(final.healthcheck)).toBe(false)
  })
})

describePython('docker/compose.yaml', () => {
  withSchemas()
  const { app } = parse(textOf('docker/compose.yaml')).services

  test('is what the Compose Specification describes', () => {
    expect(flawsOf('compose', join(DEPLOY, 'docker/compose.yaml'))).toBe('')
  })

  test('gives the server time to finish, and options that there are', () => {
    expect(seconds(app.stop_grace_period)).toBeGreaterThan(
      seconds(app.environment.MONODON_GRACEFUL_TIMEOUT),
    )
    const scratch = new Scratch()
    const env = { ...scratch.env, ...app.environment }
    const said = execFileSync('monodon', ['--print-config'], { cwd: scratch.folder, env })
    for (const name of Object.keys(app.environment)) expect(said.toString()).toContain(name)
    scratch.remove()
  })
})

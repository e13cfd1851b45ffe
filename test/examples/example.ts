/** An example, copied to where a user would have it, and started by the command of its package. */
import { execFileSync } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import type { Holdings } from '../support/leaks.ts'
import type { WireResponse } from '../support/responses.ts'
import { Scratch } from '../support/scratch.ts'
import { SpawnedServer } from '../support/spawned.ts'

export const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url))

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
}

/** A copy of an example, with the packages that its manifest names and no others. */
export class Example {
  readonly scratch: Scratch
  readonly scripts: Manifest['scripts']

  constructor(name: string) {
    const from = join(EXAMPLES, name)
    const { scripts, dependencies } = JSON.parse(
      readFileSync(join(from, 'package.json'), 'utf8'),
    ) as Manifest
    this.scripts = scripts
    this.scratch = new Scratch(Object.keys(dependencies))
    cpSync(from, this.scratch.folder, {
      recursive: true,
      filter: (path) => !/node_modules$|package-lock\.json$|\.pem$/.test(path),
    })
  }

  /** Runs a script that ends, and gives what it has printed. */
  run(script: string): string {
    return execFileSync('sh', ['-c', this.scripts[script]!], {
      cwd: this.scratch.folder,
      env: { ...this.scratch.env, NODE_OPTIONS: '' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** `npm start`, with its ports replaced by free ones. */
  start(): Promise<SpawnedServer> {
    if (this.scripts['prestart'] !== undefined) this.run('prestart')
    const [command, app, ...flags] = this.scripts['start']!.split(' ')
    if (command !== 'monodon') throw new Error(`it is started by ${command}`)
    const free = flags.map((flag) => flag.replace(/(127\.0\.0\.1):\d+$/, '$1:0'))
    return SpawnedServer.start(app!, free, {}, this.scratch.folder)
  }
}

/** A suite for an example that is up; afterwards nothing is left in it, and it ends as it should. */
export function describeExample(
  name: string,
  suite: (server: () => SpawnedServer, example: Example) => void,
): void {
  describe(`examples/${name}`, () => {
    const example = new Example(name)
    let server: SpawnedServer
    let first: WireResponse
    let before: Holdings
    beforeAll(async () => {
      server = await example.start()
      // Threads that read files stay for some seconds after the last one.
      first = await fetchOnce(server, '/')
      before = server.holdings
    })
    afterAll(async () => {
      try {
        await server.released(before)
        expect(await server.stop()).toBe(0)
      } finally {
        example.scratch.remove()
      }
    })
    test('has something at the address that is printed', () => {
      expect(first.status).toBeLessThan(400)
    })
    suite(() => server, example)
  })
}

/** Clients that never stop asking while the app is edited: none is failed, and none sees old code again. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { describePython } from '../support/python.ts'
import { until } from '../support/wait.ts'
import { Project } from './project.ts'

const EDITS = 20
const KEPT_ALIVE = 3
const NEW_CONNECTIONS = 2

let project: Project
beforeEach(() => {
  project = new Project()
})
afterEach(() => project.close())

/** Asks by several clients until it is stopped, and keeps account of the versions that answer. */
class Load {
  /** The newest version that was seen. */
  newest = 0
  answers = 0
  /** What is asked from now on must be answered by this version or a later one. */
  least = 0
  isOver = false
  readonly flaws: string[] = []

  async run(): Promise<void> {
    await Promise.all([
      ...Array.from({ length: KEPT_ALIVE }, () => this.keepAlive()),
      ...Array.from({ length: NEW_CONNECTIONS }, () =>
        this.ask(() => fetchOnce(project.server, '/')),
      ),
    ])
  }

  private async keepAlive(): Promise<void> {
    const client = await Client.connect(project.server)
    await this.ask(() => client.request('GET', get('/')))
    await client.leave()
  }

  private async ask(
    request: () => Promise<{ readonly status: number; readonly body: Buffer }>,
  ): Promise<void> {
    while (!this.isOver) {
      const { least } = this
      try {
        const { status, body } = await request()
        this.account(status, body.toString(), least)
      } catch (error) {
        this.flaws.push(String(error))
        return
      }
    }
  }

  private account(status: number, text: string, least: number): void {
    const version = Number(/^version (\d+)$/.exec(text)?.[1])
    this.answers += 1
    if (status !== 200 || !(version >= least)) this.flaws.push(`${status} ${text}, not ${least}`)
    else this.newest = Math.max(this.newest, version)
  }
}

/** Edits the file while clients ask; `holds`: none may see code that is older than a reload. */
async function editUnderLoad(file: string, source: (version: number) => string, holds: boolean) {
  const load = new Load()
  const running = load.run()
  try {
    for (let version = 1; version <= EDITS; version++) {
      if (version % 2 === 0) project.write(file, source(version))
      else project.replace(file, source(version))
      await until(`version ${version}`, () => load.newest === version || load.flaws.length > 0)
      await until(
        'the end of the reload',
        () => project.reloads.length === project.count('Reloaded'),
      )
      if (holds) load.least = version
      if (load.flaws.length > 0) break
    }
    // Some answers more, of the last version alone.
    const { answers } = load
    await until('more answers', () => load.answers > answers + 50 || load.flaws.length > 0)
  } finally {
    load.isOver = true
    await running
  }
  expect(load.flaws).toEqual([])
  expect(load.newest).toBe(EDITS)
  expect(project.server.entries('ERROR')).toEqual([])
}

const javascript = (version: number): string =>
  `export default async () => {
     await new Promise((resolve) => setTimeout(resolve, 5))
     return new Response('version ${version}')
   }`

describe(`${EDITS} edits under load lose no request`, () => {
  test('with workers in processes', { timeout: 120_000 }, async () => {
    project.write('app.mjs', javascript(0))
    await project.start('dev', 'app.mjs')
    await editUnderLoad('app.mjs', javascript, true)
  })

  test('with workers in threads', { timeout: 120_000 }, async () => {
    project.write('app.mjs', javascript(0))
    await project.start('app.mjs', '--reload')
    // A thread hears that it is followed a moment after the log has told it.
    await editUnderLoad('app.mjs', javascript, false)
  })

  describePython('with workers in Python', () => {
    test('as well', { timeout: 120_000 }, async () => {
      const source = (version: number) => `
def app(environ, start_response):
    start_response('200 OK', [])
    return [b'version ${version}']
`
      project.write('app.py', source(0))
      await project.startPython('dev', 'app:app')
      await editUnderLoad('app.py', source, true)
    })
  })
})

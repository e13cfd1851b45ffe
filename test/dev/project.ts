import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { requirePython } from '../support/python.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { until } from '../support/wait.ts'

/** A folder with an app that a developer works on, and the server that watches it. */
export class Project {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'monodon-dev-')))
  server!: SpawnedServer

  /** Writes a file in place, with its folders. */
  write(name: string, text: string): void {
    const path = join(this.folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  /** Writes a file as most editors do: beside it, and then over it. */
  replace(name: string, text: string): void {
    this.write(`${name}.new`, text)
    renameSync(join(this.folder, `${name}.new`), join(this.folder, name))
  }

  remove(name: string): void {
    rmSync(join(this.folder, name), { recursive: true })
  }

  /** Starts the command with `app` and the flags. */
  async start(app: string, ...flags: string[]): Promise<void> {
    // Bytecode is written as by Python itself, whatever the environment of the tests says.
    const env = { PYTHONDONTWRITEBYTECODE: '' }
    this.server = await SpawnedServer.start(app, flags, env, this.folder)
  }

  /** The same for a Python app. */
  async startPython(app: string, ...flags: string[]): Promise<void> {
    await this.start(app, '--python', requirePython(), ...flags)
  }

  async get(target = '/'): Promise<string> {
    return (await fetchOnce(this.server, target)).body.toString()
  }

  /** Waits until the app answers so; every answer until then must be whole. */
  async becomes(answer: string, target = '/'): Promise<void> {
    let last = ''
    await until(`the answer ${answer}`, async () => {
      last = await this.get(target)
      return last === answer
    }).catch((error: Error) => {
      throw new Error(`${error.message}; it is ${last}\n${this.server.output}`)
    })
  }

  /** Waits for something in the log. */
  async logs(text: string): Promise<void> {
    await until(`"${text}" in the log`, () => this.server.output.includes(text)).catch(
      (error: Error) => {
        throw new Error(`${error.message}\n${this.server.output}`)
      },
    )
  }

  /** What the log says of each reload: what has changed. */
  get reloads(): string[] {
    return [...this.server.output.matchAll(/\] Reloading: (.*)$/gm)].map(([, why = '']) => why)
  }

  /** How many times something stands in the log. */
  count(text: string): number {
    return this.server.output.split(text).length - 1
  }

  /** Ends the server, which must end well, and removes the folder. */
  async close(): Promise<void> {
    expect(await this.server.stop()).toBe(0)
    this.remove('.')
  }
}

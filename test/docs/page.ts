/** Runs the blocks of a page in a folder as a reader would have it. */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { frameworks } from '../support/python.ts'
import { Scratch } from '../support/scratch.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { PATIENCE_MS } from '../support/wait.ts'
import { type Block, packagesOf } from './blocks.ts'

export class Page {
  private readonly blocks: readonly Block[]
  private readonly scratch: Scratch
  private server: SpawnedServer | undefined
  /** What the last commands have printed. */
  private printed = ''
  private env: NodeJS.ProcessEnv = {}

  constructor(blocks: readonly Block[]) {
    this.blocks = blocks
    this.scratch = new Scratch(packagesOf(blocks))
  }

  async run(): Promise<void> {
    try {
      // A virtual environment that is activated, where the page has a Python app.
      if (this.blocks.some(({ language, use }) => language === 'python' && use !== 'excerpt'))
        this.env = { VIRTUAL_ENV: join(await frameworks(), '../..'), PYTHONDONTWRITEBYTECODE: '1' }
      for (const block of this.blocks)
        await this.step(block).catch((error: Error) => {
          throw new Error(`the block at line ${block.line}: ${error.message}`, { cause: error })
        })
      await this.stop()
    } finally {
      this.server?.child.kill('SIGKILL')
      this.scratch.remove()
    }
  }

  private async step({ use, text }: Block): Promise<void> {
    if (use.startsWith('file=')) this.write(use.slice('file='.length), text)
    else if (use === 'run') this.printed = await this.commands(text)
    else if (use === 'flags') await this.checkFlags(text)
    else if (use === 'serve') await this.serve(text)
    else if (use === 'ask') this.printed = await this.ask(text)
    else if (use === 'answer') expect(this.printed.trimEnd()).toBe(text.trimEnd())
  }

  private write(name: string, text: string): void {
    const path = this.scratch.path(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  private async commands(text: string): Promise<string> {
    const { stdout } = await promisify(execFile)('sh', ['-euc', text], {
      cwd: this.scratch.folder,
      env: { ...this.scratch.env, ...this.env },
      timeout: PATIENCE_MS,
    })
    return stdout
  }

  /** Reads the options of each command, as the command itself would. */
  private async checkFlags(text: string): Promise<void> {
    for (const line of text.trim().split('\n')) {
      if (!line.startsWith('monodon ')) throw new Error(`no monodon command: ${line}`)
      await this.commands(line.replace('monodon ', 'monodon --print-config '))
    }
  }

  /** One command; its port is replaced by a free one. */
  private async serve(text: string): Promise<void> {
    await this.stop()
    const [command, more] = text
      .replace(/\s+#.*$/gm, '')
      .trim()
      .split('\n')
    if (more !== undefined) throw new Error('a block that serves has one command')
    const [program, app, ...flags] = command!.replace(/^npx /, '').split(/\s+/)
    if (program !== 'monodon' || app === undefined) throw new Error(`${command} serves nothing`)
    this.server = await SpawnedServer.start(app, flags, this.env, this.scratch.folder)
  }

  private async ask(text: string): Promise<string> {
    if (this.server === undefined) throw new Error('there is no server')
    return this.commands(text.replaceAll('localhost:8000', `127.0.0.1:${this.server.port}`))
  }

  private async stop(): Promise<void> {
    if (this.server !== undefined) expect(await this.server.stop()).toBe(0)
    this.server = undefined
  }
}

/** `monodon ctl`, and raw talk over a control socket. */
import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import type { ServerStatus } from '../../lib/control/status.ts'
import { COMMAND } from '../support/spawned.ts'
import { PATIENCE_MS, until, within } from '../support/wait.ts'

export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `monodon ctl ARGS` in a folder. */
export function ctl(cwd: string, ...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const env = { ...process.env, MONODON_CONTROL_SOCKET: undefined }
    execFile(process.execPath, [COMMAND, 'ctl', ...args], { cwd, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

/** Sends bytes to a control socket and resolves with all that comes back until it is closed. */
export function talk(path: string, text: string, ends = true): Promise<string> {
  return within(PATIENCE_MS, 'the control socket to close', () => {
    return new Promise((resolve) => {
      const socket = connect(path)
      let answer = ''
      socket.on('data', (bytes) => {
        answer += bytes
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(answer))
      socket.write(text)
      if (ends) socket.end()
    })
  })
}

export interface RawAnswer {
  readonly version: number
  readonly ok: boolean
  readonly result: unknown
  readonly error?: { readonly code: string; readonly message: string }
}

/** Asks over a control socket, without the command. */
export async function request(path: string, asked: object): Promise<RawAnswer> {
  return JSON.parse(await talk(path, `${JSON.stringify(asked)}\n`)) as RawAnswer
}

export async function status(path: string): Promise<ServerStatus> {
  return (await request(path, { command: 'status' })).result as ServerStatus
}

/** Waits for a state that the server tells. */
export async function untilStatus(
  path: string,
  what: string,
  condition: (status: ServerStatus) => boolean,
  ms = PATIENCE_MS,
): Promise<ServerStatus> {
  let last = await status(path)
  await until(
    what,
    async () => {
      last = await status(path)
      return condition(last)
    },
    ms,
  )
  return last
}

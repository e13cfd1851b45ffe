/** The entry of a worker in a process of its own; docs/worker-protocol.md is what it speaks. */

import type { OnReadOpts, Socket } from 'node:net'
import { LAYOUT_VERSION } from '../bridge/layout.ts'
import { dieWithParent, openEnclosing } from '../bridge/native.ts'
import { openDescriptor, type SocketEvents, SocketPort } from '../bridge/socket-port.ts'
import { openSyslog } from '../bridge/syslog.ts'
import { keepCompiled } from '../code-cache/loader.ts'
import { errorText, MonodonError } from '../errors.ts'
import { logError, reopenLog } from '../log.ts'
import { toNative } from '../options/native.ts'
import { type Booted, bootWorker } from './boot.ts'
import type { FromWorker, StartMessage, ToProcess } from './protocol.ts'

/** Where the server has put the socket. */
const DESCRIPTOR = 3
/** A terminal and systemd send these to every process of a group, and the server lets its workers finish. */
const NOT_FOR_WORKERS = ['SIGINT', 'SIGTERM', 'SIGQUIT'] as const
/** Exit codes: the app cannot be loaded (as of the server then), and it threw out of its handlers. */
const EXIT_FAILED = 3
const EXIT_THREW = 1
/** Characters of what is said about a failure: in JSON, each takes at most 6 bytes of a batch. */
const MOST_CHARACTERS = 40_000

for (const signal of NOT_FOR_WORKERS) process.on(signal, () => {})
// An event loop that is blocked would not notice that the server has gone.
dieWithParent()
process.on('uncaughtException', dieOf)

let worker: Booted['worker'] | undefined
let isStopping = false
let gracefulTimeout = 0

let socket: Socket | undefined
const open = openDescriptor(DESCRIPTOR)
const openSocket = (onread: OnReadOpts): Socket => {
  socket = open(onread)
  return socket
}
const events: SocketEvents = {
  tell: (message) => hear(message as ToProcess),
  stop,
  // The server has stopped, or is gone: what the app does in the background may come to its end.
  ended: () => {
    worker?.lose()
    if (!isStopping) void stop(gracefulTimeout)
  },
}
const port = new SocketPort(openSocket, events, openEnclosing(DESCRIPTOR))

function hear(message: ToProcess): void {
  if (message.type === 'start') void boot(message)
  else if (message.type === 'reopenLogs') reopenLog()
}

async function boot(start: StartMessage): Promise<void> {
  process.title = start.name
  gracefulTimeout = start.options.gracefulTimeout
  try {
    if (start.layout !== LAYOUT_VERSION) throw otherLayout(start.layout)
    openSyslog(toNative(start.options))
    const attach = (ring: () => void) => port.attach(start.number, ring)
    // A program that has nothing left to do ends, instead of being waited for.
    socket?.unref()
    const booted = await bootWorker(start, process.cwd(), attach, say)
    worker = booted.worker
    socket?.ref()
    say(bounded(booted.message))
    if (start.number === 1) keepCompiled()
  } catch (error) {
    say(bounded({ type: 'failed', text: errorText(error) }))
    await port.close()
    process.exit(EXIT_FAILED)
  }
}

async function stop(timeoutMs: number): Promise<void> {
  isStopping = true
  await worker?.stop(timeoutMs)
  await port.close()
  // What the app has left open must not keep the process.
  process.exit(0)
}

/** Ends the process, unless the app takes care of its errors itself. */
function dieOf(error: unknown): void {
  if (process.listenerCount('uncaughtException') > 1) return
  logError(error, { worker: worker && port.index })
  process.exit(EXIT_THREW)
}

function say(message: FromWorker): void {
  port.say(message)
}

/** A text for people as far as it fits into a batch. */
function bounded(message: FromWorker): FromWorker {
  return 'text' in message ? { ...message, text: message.text.slice(0, MOST_CHARACTERS) } : message
}

function otherLayout(layout: number): MonodonError {
  return new MonodonError('MONODON_NATIVE_MISSING', {
    detail: `the server speaks record layout ${layout}, this package ${LAYOUT_VERSION}`,
  })
}

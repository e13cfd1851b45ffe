/** What the arbiter and its workers say to each other, whether they are threads or processes. */

import type { InterfaceKind } from '../interface/detect.ts'
import type { Notables } from '../notable.ts'
import type { Options } from '../options/table.ts'

/** How a worker calls its app: by an interface of JavaScript, or as WSGI in Python. */
export type WorkerKind = InterfaceKind | 'python'

/** What a worker has to know of its server. */
export interface ServerFacts {
  readonly serverName: string
  readonly serverPort: string
  readonly multiprocess: boolean
}

/** What every worker has to know. */
export interface WorkerData {
  /** Counts from 1; no other worker of the server has it. */
  readonly number: number
  /** As `top -H` shows it. */
  readonly name: string
  /** `module:name` of the app. */
  readonly app: string
  /** What follows its name in `process.argv`, if it is a program. */
  readonly args: readonly string[]
  readonly facts: ServerFacts
  readonly options: Options
  /** If it cannot load the app, it stays and answers requests by saying so (`--reload`). */
  readonly staysBroken: boolean
}

/** What a thread is started with: the first message to it, once it has booted. */
export interface ThreadStart extends WorkerData {
  readonly type: 'start'
  /** Id of the native server that it attaches to. */
  readonly server: number
  /** The folder in which the app is looked for. */
  readonly cwd: string
  /** The variables that the app sees. */
  readonly env: NodeJS.ProcessEnv
}

/** A file that the app has loaded or looked for, and its version (`versionOf`) before that. */
export type LoadedFile = readonly [path: string, version: string]

/** From a worker. */
export type FromWorker =
  | {
      readonly type: 'ready'
      readonly kind: WorkerKind
      /** Why this interface, for people. */
      readonly reason: string
    }
  /** It could not load the app and `staysBroken`: it answers requests by saying so. */
  | { readonly type: 'broken'; readonly text: string }
  /** Files that the app has loaded since the last such message (`--reload`). */
  | { readonly type: 'loaded'; readonly files: readonly LoadedFile[] }
  /** It could not boot; `text` says why, with the stack where the app threw. */
  | { readonly type: 'failed'; readonly text: string }
  /** How many bytes of memory a thread holds, when it was asked. */
  | { readonly type: 'memory'; readonly bytes: number }
  /** Warnings and errors that it has logged since the last such message. */
  | ({ readonly type: 'logged' } & Notables)
  /** It has taken `maxRequests`: it goes on until its successor is ready and it is told to stop. */
  | { readonly type: 'spent' }

/** What a process is started with: the first message to it. Its folder is the app's. */
export interface StartMessage extends WorkerData {
  readonly type: 'start'
  /** The record layout that the server speaks (`LAYOUT_VERSION`). */
  readonly layout: number
}

/** To a thread. A process is stopped by a record of the layout, which every language can read. */
export interface StopMessage {
  readonly type: 'stop'
  /** How long to wait for what is pending, in milliseconds. */
  readonly timeoutMs: number
}

/** To a thread: say how much memory you hold. Of a process the system tells. */
export interface MeasureMessage {
  readonly type: 'measure'
}

/** To any worker: the file of the error log was moved away, write to a new one of its name. */
export interface ReopenLogsMessage {
  readonly type: 'reopenLogs'
}

/** To a worker in a thread. */
export type ToThread = ThreadStart | StopMessage | MeasureMessage | ReopenLogsMessage

/** To a worker in a process. */
export type ToProcess = StartMessage | ReopenLogsMessage

/** Where a thread of this process is, asked by way of V8's inspector: it also interrupts a loop. */

import type { Session } from 'node:inspector'
import { importExternal } from '../../import-external.ts'
import { within } from '../../within.ts'

/** How long a thread may take to say where it is, in milliseconds. */
const ASK_MS = 1000
/** Frames of a stack, at most. */
const MOST_FRAMES = 50
/** Ids of what it is told: only the first answer matters, and that is an event. */
const ENABLE = 1
const PAUSE = 2
const LEAVE = 3

interface Frame {
  readonly functionName: string
  readonly location: {
    readonly scriptId: string
    readonly lineNumber: number
    readonly columnNumber?: number
  }
}

/** What a thread says that matters here. */
interface Said {
  readonly method?: string
  readonly params?: {
    readonly scriptId?: string
    readonly url?: string
    readonly callFrames?: readonly Frame[]
  }
}

/**
 * The stack of the worker thread `threadId`, a line each frame. Empty if it cannot be had: the thread
 * waits in a call that is not JavaScript, or this Node has no inspector. No port is opened.
 */
export async function stackOfThread(threadId: number): Promise<string[]> {
  try {
    const { Session } = await importExternal<typeof import('node:inspector')>('node:inspector')
    return await ask(new Session(), threadId)
  } catch {
    return []
  }
}

async function ask(session: Session, threadId: number): Promise<string[]> {
  const urls = new Map<string, string>()
  let stack: string[] = []
  let sessionId: string | undefined
  const tell = (id: number, method: string): void => {
    if (sessionId === undefined) return
    session.post('NodeWorker.sendMessageToWorker', {
      sessionId,
      message: JSON.stringify({ id, method }),
    })
  }
  const paused = new Promise<void>((resolve) => {
    session.on('NodeWorker.attachedToWorker', ({ params }) => {
      // `[worker 3]`, on newer lines with a name behind it.
      if (!params.workerInfo.title.startsWith(`[worker ${threadId}]`)) return
      sessionId = params.sessionId
      tell(ENABLE, 'Debugger.enable')
      tell(PAUSE, 'Debugger.pause')
    })
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      if (params.sessionId !== sessionId) return
      const said = JSON.parse(params.message) as Said
      if (said.method === 'Debugger.scriptParsed')
        urls.set(said.params?.scriptId ?? '', said.params?.url ?? '')
      if (said.method !== 'Debugger.paused') return
      stack = (said.params?.callFrames ?? [])
        .slice(0, MOST_FRAMES)
        .map((frame) => frameLine(frame, urls))
      resolve()
    })
  })
  session.connect()
  try {
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false })
    await within(ASK_MS, paused)
  } finally {
    // A thread that is left paused could not be ended.
    tell(LEAVE, 'Debugger.disable')
    await new Promise(setImmediate)
    session.disconnect()
  }
  return stack
}

/** As Node writes the frames of an error. The inspector counts from 0. */
function frameLine({ functionName, location }: Frame, urls: Map<string, string>): string {
  const { scriptId, lineNumber, columnNumber = 0 } = location
  const place = `${urls.get(scriptId) || '<anonymous>'}:${lineNumber + 1}:${columnNumber + 1}`
  return functionName === '' ? `at ${place}` : `at ${functionName} (${place})`
}

/**
 * The life of a request, step by step: at each step the states in which server, app and response are,
 * by the names that docs/architecture.md has for them.
 */

import type { RequestLife } from '../snapshot.ts'

export type ServerStep =
  | 'listening'
  | 'request-received'
  | 'processing'
  | 'waiting-to-send'
  | 'idle'
export type AppStep = 'not-called' | 'running' | 'response-ready' | 'idle'
export type ResponseStep = 'not-sent' | 'sent'

export interface Step {
  /** What happens there, for people. */
  readonly title: string
  /** Seconds after the head had come; `null` before that. */
  readonly at: number | null
  readonly server: ServerStep
  readonly app: AppStep
  readonly response: ResponseStep
}

/** How long each part of a request has taken, in seconds. */
export interface Parts {
  /** Until a worker took it, or the server answered by itself. */
  readonly queue: number
  readonly app: number
  readonly send: number
}

export type LifeTimes = Pick<RequestLife, 'called' | 'ready' | 'ended' | 'status' | 'outcome'>

/** The steps of a request that has ended. */
export function stepsOf({ called, ready, ended, status, outcome }: LifeTimes): readonly Step[] {
  const isCalled = called !== null
  const steps: Step[] = [
    {
      title: 'The server listens',
      at: null,
      server: 'listening',
      app: 'not-called',
      response: 'not-sent',
    },
    {
      title: 'The request has come',
      at: 0,
      server: 'request-received',
      app: 'not-called',
      response: 'not-sent',
    },
  ]
  if (isCalled)
    steps.push({
      title: 'The app is called',
      at: called,
      server: 'processing',
      app: 'running',
      response: 'not-sent',
    })
  if (ready !== null)
    steps.push({
      title: isCalled ? 'The response is ready' : 'The server answers by itself',
      at: ready,
      server: 'waiting-to-send',
      app: isCalled ? 'response-ready' : 'not-called',
      response: 'not-sent',
    })
  const isSent = status !== 0 && outcome !== 'aborted'
  steps.push({
    title: isSent ? 'The response is sent' : lastTitle(ready),
    at: ended,
    server: 'idle',
    app: isCalled ? 'idle' : 'not-called',
    response: isSent ? 'sent' : 'not-sent',
  })
  return steps
}

function lastTitle(ready: number | null): string {
  return ready === null ? 'The client left before there was an answer' : 'It broke off'
}

/** A request as most are, for who has seen none yet. */
export const USUAL_STEPS: readonly Step[] = stepsOf({
  called: 0,
  ready: 0,
  ended: 0,
  status: 200,
  outcome: 'ok',
})

export function partsOf({
  called,
  ready,
  ended,
}: Pick<LifeTimes, 'called' | 'ready' | 'ended'>): Parts {
  const answered = ready ?? ended
  return {
    queue: called ?? answered,
    app: called === null ? 0 : Math.max(0, answered - called),
    send: Math.max(0, ended - answered),
  }
}

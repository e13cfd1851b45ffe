/** The status page: it asks for a snapshot each second and shows it. */

import type { Snapshot } from '../../snapshot.ts'
import { History } from '../../view/history.ts'
import { byId, setClass, setText } from './dom.ts'
import { heedMore, showLives } from './lives.ts'
import { show } from './show.ts'

const EVERY_MS = 1000
/** After failures in a row it waits so long, the last of these from then on. */
const RETRY_MS = [1000, 2000, 5000]
/** A server that does not answer in this time is asked anew. */
const PATIENCE_MS = 5000

const history = new History()
const button = byId('pause')
let isPaused = false
let failures = 0
let timer: ReturnType<typeof setTimeout> | undefined

async function look(): Promise<void> {
  try {
    const answer = await fetch('status.json', {
      cache: 'no-store',
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    if (!answer.ok) throw new Error(`it answers ${answer.status}`)
    const snapshot = (await answer.json()) as Snapshot
    history.add(snapshot)
    show(snapshot, history)
    failures = 0
    say('live', '')
  } catch {
    failures += 1
    say('The server does not answer; trying again', 'gone')
  }
}

function say(text: string, className: string): void {
  const place = byId('connection')
  setClass(place, className)
  setText(place, text)
}

/** Looks, and then again; never twice at a time. */
async function watch(): Promise<void> {
  timer = undefined
  if (isPaused || document.hidden) return
  await look()
  const wait = failures === 0 ? EVERY_MS : RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]!
  timer = setTimeout(watch, wait)
}

button.addEventListener('click', () => {
  isPaused = !isPaused
  button.setAttribute('aria-pressed', String(isPaused))
  if (isPaused) say('paused', 'still')
  else if (timer === undefined) void watch()
})

// Nobody sees it meanwhile.
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && timer === undefined) void watch()
})

heedMore()
showLives([])
say('connecting', 'still')
void watch()

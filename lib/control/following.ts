/** Those who follow the requests of a server: each is told of every one that ends. */

import { lifeOf } from '../observe/assemble.ts'
import type { RequestLife } from '../observe/snapshot.ts'
import type { Listener } from './listen/listener.ts'

/** What was gathered is taken from native code this often, in milliseconds. */
const LOOK_MS = 100

/** Hears of requests that have ended, oldest first, and how many were dropped beside them. */
export type Follower = (lives: readonly RequestLife[], dropped: number) => void

export class Following {
  private readonly listener: () => Pick<Listener, 'setFollowed' | 'followed'>
  private readonly onLook: () => void
  private readonly followers = new Set<Follower>()
  private timer: NodeJS.Timeout | undefined

  /**
   * @param listener the one of now
   * @param onLook is called at each look: somebody looks at the server
   */
  constructor(listener: () => Pick<Listener, 'setFollowed' | 'followed'>, onLook: () => void) {
    this.listener = listener
    this.onLook = onLook
  }

  /** Tells of the requests that end from now on, until what is returned is called. */
  add(follower: Follower): () => void {
    this.look()
    this.followers.add(follower)
    this.timer ??= setInterval(() => this.look(), LOOK_MS).unref()
    return () => {
      this.followers.delete(follower)
      if (this.followers.size === 0) this.stop()
    }
  }

  /** Nobody is told any more. */
  stop(): void {
    if (this.timer === undefined) return
    clearInterval(this.timer)
    this.timer = undefined
    this.followers.clear()
    this.listener().setFollowed(false)
  }

  private look(): void {
    this.onLook()
    const listener = this.listener()
    // A server that came back has another listener than before.
    listener.setFollowed(true)
    const { lives, dropped } = listener.followed()
    if (lives.length === 0 && dropped === 0) return
    const told = lives.map(lifeOf)
    for (const follower of this.followers) follower(told, dropped)
  }
}

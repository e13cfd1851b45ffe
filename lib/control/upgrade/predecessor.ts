/** The server that has started this one to take its place, as this one sees it. */

/** What the two say to each other. */
export type ToPredecessor = { readonly type: 'ready' }
export type ToSuccessor = { readonly type: 'yours' }

export class Predecessor {
  readonly pid: number
  /** True until it has left everything to this server, or has gone. */
  isThere = true
  /** Resolves when it is not there any more. */
  readonly left: Promise<void>

  constructor(pid: number) {
    this.pid = pid
    this.left = new Promise((resolve) => {
      const leave = (): void => {
        this.isThere = false
        process.off('message', hear)
        process.off('disconnect', leave)
        if (process.connected) process.disconnect()
        resolve()
      }
      const hear = (message: ToSuccessor): void => {
        if (message.type === 'yours') leave()
      }
      process.on('message', hear)
      process.on('disconnect', leave)
      // It may have gone before anybody listened.
      if (!process.connected) leave()
    })
    // Nothing is kept alive for it.
    process.channel?.unref()
  }

  /** This server serves: the other need no longer. */
  tellReady(): void {
    const message: ToPredecessor = { type: 'ready' }
    if (process.connected) process.send?.(message)
  }
}

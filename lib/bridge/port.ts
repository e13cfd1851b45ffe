/** A worker's end of the crossing, whatever lies between it and the server. */
export interface Port {
  /** The worker's number, for log lines. */
  readonly index: number
  /** True when `submit` takes buffers on loan, and tells by `released` that they came back. */
  readonly lends: boolean
  /** What `take` fills. */
  readonly inbound: ArrayBuffer
  /**
   * Fills `inbound` with events and at most `most` requests; gives the number of records. After 0
   * the doorbell rings when there are some. With `most` 0 the worker takes no requests any more.
   */
  take(most: number): number
  /** The buffer of this number that `submit` reads, `OUTBOUND_BYTES` long; 0 is the first. To be asked for once. */
  outbound(number: number): ArrayBuffer
  /**
   * Hands over `records` records in the first `bytes` of the outbound buffer, and the buffers that they
   * lend. The outbound buffer may be written again at once, or it is on loan: then this gives the number
   * of the one to write from now on.
   */
  submit(bytes: number, records: number, lent?: readonly Uint8Array[]): number | undefined
  /** Where a regular file stands that is open; -1 for anything else. Absent where files cannot be handed over. */
  tell?(descriptor: number): number
  /**
   * Keeps an open file for the next `file` record, so that its descriptor may be closed at once. Gives 0 if
   * there can be no more descriptors.
   */
  enclose?(descriptor: number): number
  /** Sends what `submit` has set aside, where it does that to send more with it. */
  flush?(): void
  /** Takes no more. What a worker in a thread still holds is answered 502. */
  detach(): void
}

/** Connects a worker to its server. `ring` is the doorbell: it is called when to take. */
export type Attach = (ring: () => void) => Port

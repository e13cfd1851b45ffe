// The bodies that the apps and the peers answer with.
const KB = 1024

export const HELLO = 'Hello, World!'
export const LARGE = new Uint8Array(KB * KB).fill(120)
export const CHUNK = new Uint8Array(KB).fill(120)
export const CHUNKS = 64

/** The slow-peer routes: how much is sent, in pieces of which size. */
const FEED_PIECE = new Uint8Array(64 * KB).fill(120)
const FEED_BYTES = 200 * KB * KB

/** The pieces of a 200 MB download. */
export function* feed() {
  for (let sent = 0; sent < FEED_BYTES; sent += FEED_PIECE.length) yield FEED_PIECE
}

/** Reads a body slowly, about 40 MB/s; gives its length. */
export async function readSlowly(body) {
  let length = 0
  let next = KB * KB
  for await (const chunk of body) {
    length += chunk.length
    if (length >= next) {
      next += KB * KB
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  return length
}

/** Keeps the event loop busy for 200 ms. */
export function block() {
  const end = performance.now() + 200
  while (performance.now() < end);
}

// The bodies that the apps and the peers answer with.
const KB = 1024

export const HELLO = 'Hello, World!'
export const LARGE = new Uint8Array(KB * KB).fill(120)
export const CHUNK = new Uint8Array(KB).fill(120)
export const CHUNKS = 64

/** About 100 KB of JSON such as an API gives, the same in each run. */
export const LIST = list(100 * KB)

function list(bytes) {
  const words =
    'alpha beta gamma delta order customer invoice paid pending shipped north south'.split(' ')
  let state = 1
  const random = (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  const word = () => words[random(words.length)]
  const items = []
  for (let size = 2; size < bytes; size += JSON.stringify(items.at(-1)).length + 1) {
    items.push({
      id: 1000 + items.length,
      key: random(2 ** 31).toString(16) + random(2 ** 31).toString(16),
      name: `${word()} ${word()}`,
      email: `${word()}${random(10_000)}@example.com`,
      price: random(100_000) / 100,
      tags: [word(), word(), word()],
      created: new Date(1_700_000_000_000 + random(1e9) * 10).toISOString(),
      active: random(2) === 1,
    })
  }
  return JSON.stringify(items)
}

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

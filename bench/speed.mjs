// How fast a core computes at the moment, as a small program on it finds. The cores of a virtual machine are
// shared with others, who may halve their speed and double it again within a second, and no counter tells.
import { fileURLToPath } from 'node:url'
import { cores, start, tellReaper } from './processes.mjs'

/** Between two pieces of work, in ms: often enough to see each change, and less than a percent of the core. */
const EVERY_MS = 4
/** Steps of a piece, which takes some tens of microseconds. */
const STEPS = 4000
/** A piece that took longer, in ms, was interrupted and says nothing. */
const INTERRUPTED_MS = 0.3

/** Asks the program on the servers' core. */
export class SpeedProbe {
  #child

  constructor() {
    this.#child = start(cores.server, process.execPath, [fileURLToPath(import.meta.url)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
  }

  /** Has it forget what it has found so far. */
  begin() {
    this.#child.send('begin')
  }

  /**
   * The mean speed since it began, in steps/ms.
   *
   * @returns {Promise<number>} rejects when the program has ended, or had not the time to find out
   */
  async read() {
    const told = new Promise((resolve) => this.#child.once('message', resolve))
    this.#child.send('read')
    const speed = await Promise.race([told, this.#child.ended])
    if (typeof speed !== 'number') throw new Error('the speed of the core is not known')
    return speed
  }

  async stop() {
    this.#child.kill()
    await this.#child.ended
    tellReaper('-', this.#child.pid)
  }
}

/** What runs on the core. */
function probe() {
  let sum = 0
  let pieces = 0
  let seed = 1
  setInterval(() => {
    const begun = performance.now()
    // Each step waits for the one before, and nothing of it can be left out.
    for (let step = 0; step < STEPS; step++) seed = (seed * 48_271 + step) & 0x7fff_ffff
    const took = performance.now() - begun
    if (seed < 0 || took > INTERRUPTED_MS) return
    sum += STEPS / took
    pieces += 1
  }, EVERY_MS)
  process.on('message', (order) => {
    if (order === 'read') process.send(pieces > 0 ? sum / pieces : null)
    sum = 0
    pieces = 0
  })
  process.on('disconnect', () => process.exit())
}

if (process.argv[1] === fileURLToPath(import.meta.url)) probe()

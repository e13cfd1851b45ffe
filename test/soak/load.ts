/** A steady load of every kind of client, each answer checked for its content. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../support/client.ts'
import { askOnce, askPipelined, KeepAliveLane } from './h1-lanes.ts'
import { Http2Lane } from './h2-lane.ts'
import { type Asking, question } from './questions.ts'
import { Tally } from './tally.ts'

/** What a client rests between two turns, in milliseconds: the load is steady, not all that there can be. */
const REST_MS = 4
/** In turns. */
const MIX: readonly Asking[] = ['small', 'upload', 'small', 'large', 'small', 'stream']
const PIPELINED = 4

interface Lane {
  /** Asks what is due in its turn `round`. */
  turn(round: number): Promise<void>
  leave(): Promise<void>
}

/** Runs until it is told to stop. */
export class Load {
  readonly tally = new Tally()
  private readonly lanes: Promise<void>[]
  private stopping = false

  /** `overHttp2`: where HTTP/2 is spoken, if it is not at the same address. */
  constructor(address: Address, overHttp2: Address = address) {
    const lanes = [
      ...[keepAlive(address, this.tally), keepAlive(address, this.tally)],
      ...[fresh(address, this.tally), fresh(address, this.tally)],
      pipelined(address, this.tally),
      ...[http2(overHttp2, this.tally), http2(overHttp2, this.tally)],
    ]
    this.lanes = lanes.map((lane, index) => this.run(lane, index))
  }

  /** Resolves when every client has heard all its answers and has gone. */
  async stop(): Promise<Tally> {
    this.stopping = true
    await Promise.all(this.lanes)
    return this.tally
  }

  private async run(lane: Lane, index: number): Promise<void> {
    try {
      for (let round = index; !this.stopping; round++) {
        await lane.turn(round)
        await sleep(REST_MS)
      }
      await lane.leave()
    } catch (error) {
      this.tally.failed.push(`a client could not go on: ${error}`)
    }
  }
}

const inTurn = (round: number): Asking => MIX[round % MIX.length]!

function keepAlive(address: Address, tally: Tally): Lane {
  const lane = new KeepAliveLane(address, tally)
  return { turn: (round) => lane.ask(question(inTurn(round))), leave: () => lane.leave() }
}

function fresh(address: Address, tally: Tally): Lane {
  return {
    turn: (round) => askOnce(address, question(inTurn(round)), tally),
    leave: async () => {},
  }
}

/** Small answers only: one that is cut would take those behind it along. */
function pipelined(address: Address, tally: Tally): Lane {
  return {
    turn: () => {
      const questions = Array.from({ length: PIPELINED }, () => question('small'))
      return askPipelined(address, questions, tally)
    },
    leave: async () => {},
  }
}

function http2(address: Address, tally: Tally): Lane {
  const lane = new Http2Lane(address, tally)
  return {
    turn: (round) => lane.ask([question(inTurn(round)), question(inTurn(round + 1))]),
    leave: () => lane.leave(),
  }
}

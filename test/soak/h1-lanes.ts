/** Clients over HTTP/1.1. */
import { type Address, Client, get } from '../support/client.ts'
import type { WireResponse } from '../support/responses.ts'
import type { Question } from './questions.ts'
import type { Tally } from './tally.ts'

/** A server that loses no request may let it wait while all its workers are replaced. */
export const ANSWER_MS = 120_000

/** Asks over a connection that it keeps; a new one only when the server has ended it. */
export class KeepAliveLane {
  private readonly address: Address
  private readonly tally: Tally
  private client: Client | undefined

  constructor(address: Address, tally: Tally) {
    this.address = address
    this.tally = tally
  }

  async ask(question: Question): Promise<void> {
    this.client ??= await Client.connect(this.address)
    const isKept = await exchange(this.client, question, this.tally)
    if (!isKept) await this.leave()
  }

  async leave(): Promise<void> {
    await this.client?.leave()
    this.client = undefined
  }
}

/** On a connection of its own. The second half of a body follows after `halfway`. */
export async function askOnce(
  address: Address,
  question: Question,
  tally: Tally,
  halfway?: Promise<void>,
): Promise<void> {
  const client = await Client.connect(address)
  await exchange(client, question, tally, halfway)
  await client.leave()
}

/** All questions at once on one connection; they are GETs. */
export async function askPipelined(
  address: Address,
  questions: readonly Question[],
  tally: Tally,
): Promise<void> {
  const client = await Client.connect(
    address,
    questions.map(({ method }) => method),
  )
  await client.write(questions.map(({ target }) => get(target)).join(''))
  for (const question of questions) await hear(client, question, tally)
  await client.leave()
}

/** Sends a request and counts what becomes of it; false when the connection is not to be used again. */
async function exchange(
  client: Client,
  question: Question,
  tally: Tally,
  halfway?: Promise<void>,
): Promise<boolean> {
  const { method, target, body } = question
  client.expect(method)
  if (body === undefined) await client.write(get(target))
  else await sendUpload(client, question, body, halfway)
  const answer = await hear(client, question, tally)
  return answer !== undefined && answer.headers['connection'] !== 'close' && !client.isOver
}

/** In two pieces, so that the worker has begun before it has all of it. */
async function sendUpload(
  client: Client,
  { method, target }: Question,
  body: Uint8Array,
  halfway?: Promise<void>,
): Promise<void> {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    'Host: localhost',
    `Content-Length: ${body.length}`,
  ]
  await client.write(`${lines.join('\r\n')}\r\n\r\n`)
  const half = body.length >> 1
  await client.write(body.subarray(0, half))
  await halfway
  await client.write(body.subarray(half))
}

async function hear(
  client: Client,
  question: Question,
  tally: Tally,
): Promise<WireResponse | undefined> {
  try {
    const answer = await client.response(ANSWER_MS)
    tally.answered(question, answer.status, answer.body)
    return answer
  } catch (error) {
    if (client.partial === undefined) tally.unanswered(question, String(error))
    else tally.cut(question)
    if (client.isOver) {
      client.end()
      if ((await client.ended) === 'reset') tally.reset(question)
    }
    return undefined
  }
}

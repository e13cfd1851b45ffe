/** What became of the requests of the soak tests. */
import type { Question } from './questions.ts'

/** 502 and 504: the worker that held the request died or hung. */
const IN_A_WORKERS_HANDS = [502, 504]

const SHOWN = 5

export class Tally {
  right = 0
  /** Of requests that got 502 or 504, or whose answer was cut after its head: their targets. */
  readonly lost: string[] = []
  /** Good answers with another content than they should have. */
  readonly wrong: string[] = []
  /** Other statuses, and connections that ended without an answer. */
  readonly failed: string[] = []
  /** Connections that were reset, whatever had come over them. */
  readonly resets: string[] = []

  /** Requests that were sent, and are not under way any more. */
  get sent(): number {
    return this.right + this.lost.length + this.wrong.length + this.failed.length
  }

  /** What nothing excuses: of each kind how many there were, and the first ones. */
  get flaws(): string[] {
    const { wrong, failed, resets } = this
    return Object.entries({ wrong, failed, resets })
      .filter(([, found]) => found.length > 0)
      .map(([kind, found]) => `${found.length} ${kind}: ${found.slice(0, SHOWN).join('; ')}`)
  }

  /** A whole answer has come. */
  answered(question: Question, status: number, body: Buffer): void {
    const { target } = question
    if (IN_A_WORKERS_HANDS.includes(status)) this.lost.push(target)
    else if (status !== 200) this.failed.push(`${target}: ${status} ${body}`)
    else if (question.isRight(body)) this.right += 1
    else this.wrong.push(`${target}: ${body.length} bytes, ${body.toString('latin1', 0, 40)}`)
  }

  /** The answer broke off after its head. */
  cut(question: Question): void {
    this.lost.push(question.target)
  }

  /** No answer has come. */
  unanswered(question: Question, why: string): void {
    this.failed.push(`${question.target}: ${why}`)
  }

  reset(question: Question): void {
    this.resets.push(question.target)
  }
}

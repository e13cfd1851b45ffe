import type { Answer, Outcome } from './peer.ts'

/** A way in which an answer may differ from that of `node:http`, and why it has to. */
interface Difference {
  readonly reason: string
  /** The outcomes without the difference; `undefined` where it is not to be found in them. */
  without(expected: Outcome, actual: Outcome): readonly [Outcome, Outcome] | undefined
}

export const DIFFERENCES = {
  'a length instead of chunks': {
    reason:
      'After `writeHead`, `end(body)` is chunked by `node:http`, which has fixed its framing by ' +
      'then, and so is a file that is piped. monodon frames when the body is known, and sends its ' +
      'Content-Length.',
    without: (expected, actual) =>
      inAnswers(expected, actual, (theirs, ours) => {
        const length = `content-length: ${ours.body.length}`
        const isNew = !theirs.fields.some((line) => line.startsWith('content-length:'))
        return isNew && ours.fields.includes(length) ? [theirs, drop(ours, length)] : undefined
      }),
  },
  'no length in a 204': {
    reason:
      'A 204 has no Content-Length (RFC 9110 section 8.6). `node:http` sends what the app sets.',
    without: (expected, actual) =>
      inAnswers(expected, actual, (theirs, ours) =>
        / 204 /.test(theirs.line) && theirs.fields.includes('content-length: 0')
          ? [drop(theirs, 'content-length: 0'), ours]
          : undefined,
      ),
  },
  'the version of HTTP/1.0': {
    reason:
      'A request of HTTP/1.0 is answered as HTTP/1.0. `node:http` says HTTP/1.1, and frames as 1.0 ' +
      'needs it all the same.',
    without: (expected, actual) =>
      inAnswers(expected, actual, (theirs, ours) =>
        ours.line.startsWith('HTTP/1.0 ')
          ? [theirs, { ...ours, line: ours.line.replace('HTTP/1.0', 'HTTP/1.1') }]
          : undefined,
      ),
  },
  'a 500 instead of nothing': {
    reason:
      'An app that destroys the connection before the head leaves the client of `node:http` without ' +
      'an answer; here it gets a 500, since the connection is not the app\u2019s.',
    without: (expected, actual) =>
      expected.answers.length === 0 && actual.answers[0]?.line.startsWith('HTTP/1.1 500 ')
        ? [expected, { ...actual, answers: actual.answers.slice(1) }]
        : undefined,
  },
  'no error of the socket': {
    reason:
      'When a client breaks off, `req.socket` closes without the `error` event that tells how ' +
      '(`ECONNRESET`, `Parse Error`). Request and response hear the same as on `node:http`.',
    without: (expected, actual) => {
      const told = /^error: (?:Parse Error|read ECONNRESET)$/
      const notes = expected.notes.filter((note) => !told.test(String(note)))
      return notes.length < expected.notes.length ? [{ ...expected, notes }, actual] : undefined
    },
  },
} as const satisfies Record<string, Difference>

export type DifferenceName = keyof typeof DIFFERENCES

function drop(answer: Answer, line: string): Answer {
  return { ...answer, fields: answer.fields.filter((other) => other !== line) }
}

/** Takes a difference out of each pair of answers that has it. */
function inAnswers(
  expected: Outcome,
  actual: Outcome,
  take: (theirs: Answer, ours: Answer) => readonly [Answer, Answer] | undefined,
): readonly [Outcome, Outcome] | undefined {
  let isThere = false
  const pairs = expected.answers.map((theirs, at): readonly [Answer, Answer | undefined] => {
    const ours = actual.answers[at]
    const taken = ours && take(theirs, ours)
    isThere ||= taken !== undefined
    return taken ?? [theirs, ours]
  })
  if (!isThere) return undefined
  const rest = actual.answers.slice(pairs.length)
  return [
    { ...expected, answers: pairs.map(([theirs]) => theirs) },
    { ...actual, answers: [...pairs.flatMap(([, ours]) => ours ?? []), ...rest] },
  ]
}

import { CODE_PATH } from './code-folder.ts'

const FRAME = /^ *at /
/** What `inspect` puts behind the last frame of an error that has properties. */
const OPENING = ' {'

/**
 * A stack, or what `inspect` shows of an error, without the frames at the bottom of each stack that lead from
 * this package to the app: they are the same each time. A stack of which nothing would be left stays whole.
 */
export function withoutDispatch(text: string): string {
  const kept: string[] = []
  let frames: string[] = []
  for (const line of text.split('\n')) {
    if (FRAME.test(line)) {
      frames.push(line)
      continue
    }
    kept.push(...appFrames(frames), line)
    frames = []
  }
  kept.push(...appFrames(frames))
  return kept.join('\n')
}

function appFrames(frames: readonly string[]): readonly string[] {
  const count = frames.findLastIndex((frame) => !isDispatch(frame)) + 1
  if (count === 0 || count === frames.length) return frames
  const hasOpening = frames.at(-1)!.endsWith(OPENING)
  const app = frames.slice(0, count)
  return hasOpening ? [...app.slice(0, -1), app.at(-1)! + OPENING] : app
}

function isDispatch(frame: string): boolean {
  return frame.includes(CODE_PATH) || /[( ]node:/.test(frame)
}

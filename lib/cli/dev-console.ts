/** `monodon dev`: what is shown at the start, and the keys that are heeded in a terminal. */

import type { Controls } from '../control/arbiter.ts'
import { packageVersion } from '../version.ts'
import { hearKeys } from './keys.ts'

/** Clears the terminal with what was scrolled away, and moves to its top. */
const CLEAR = '\x1b[2J\x1b[3J\x1b[H'

/** Shows where the server is, and heeds keys until what is returned is called. */
export function openConsole(controls: Controls): () => void {
  const { stdin } = process
  const hasKeys = stdin.isTTY === true
  say(banner(controls.urls, hasKeys))
  return hasKeys ? hearKeys(stdin, { press: (key) => press(key, controls), gone: quit }) : () => {}
}

function banner(urls: readonly string[], hasKeys: boolean): string {
  const hint = hasKeys ? '\n  Keys: r reload, u URL, c clear, q quit, h help\n' : ''
  return `\n  monodon ${packageVersion()} dev\n\n${urlLines(urls)}${hint}\n`
}

function urlLines(urls: readonly string[]): string {
  return urls.map((url) => `  ${url}\n`).join('')
}

const HELP = `
  r  reload: replace the workers by new ones
  u  show the URL
  c  clear the terminal
  q  quit, as does Ctrl-C
  h  show this

`

/** What a key does. */
function press(key: string, controls: Controls): void {
  switch (key) {
    case 'r':
      controls.reload('the key r was pressed')
      break
    case 'u':
      say(urlLines(controls.urls))
      break
    case 'c':
      say(CLEAR)
      break
    case 'h':
      say(HELP)
      break
    case 'q':
      quit()
      break
    case '\r':
      say('\n')
      break
  }
}

function quit(): void {
  process.kill(process.pid, 'SIGINT')
}

function say(text: string): void {
  process.stdout.write(text)
}

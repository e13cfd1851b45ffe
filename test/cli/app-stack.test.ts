/** Stacks in the log end at the app. */
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { withoutDispatch } from '../../lib/app-stack.ts'
import { CODE_FOLDER } from '../../lib/code-folder.ts'

const OWN = fileURLToPath(CODE_FOLDER)
const APP = '    at fetch (file:///srv/app.ts:3:9)'
const WAY = [
  `    at answer (file://${OWN}worker.js:10:2)`,
  '    at run (node:async_hooks:206:9)',
  `    at ${OWN}worker.js:9:2`,
]

it.each([
  ['what leads to the app', ['Error: x', APP, ...WAY], ['Error: x', APP]],
  [
    'it below properties and in causes',
    ['Error: x', APP, `${WAY[0]} {`, '  [cause]: Error: y', `  ${APP}`, `  ${WAY[0]}`, '}'],
    ['Error: x', `${APP} {`, '  [cause]: Error: y', `  ${APP}`, '}'],
  ],
  ['nothing that the app has called', ['Error: x', WAY[0], APP], ['Error: x', WAY[0], APP]],
  ['nothing where all would go', ['Error: x', ...WAY], ['Error: x', ...WAY]],
  ['nothing of what is no stack', ["{ a: 'at node:x' }"], ["{ a: 'at node:x' }"]],
])('leaves out %s', (_, stack, left) => {
  expect(withoutDispatch(stack.join('\n'))).toBe(left.join('\n'))
})

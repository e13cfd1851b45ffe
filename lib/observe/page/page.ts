/** The status page as it is served: one text that needs nothing else, and the policy that holds it to that. */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CODE_FOLDER } from '../../code-folder.ts'
import type { Page } from '../http.ts'
import { htmlOf } from './html.ts'
import { STATUS_STYLE } from './style.ts'

/** The modules of the script, each after those that it imports. Their names share one scope. */
const MODULES = [
  'observe/view/text.js',
  'observe/view/histogram.js',
  'observe/view/interval.js',
  'observe/view/history.js',
  'observe/view/life.js',
  'observe/page/client/dom.js',
  'observe/page/client/table.js',
  'observe/page/client/chart.js',
  'observe/page/client/lives.js',
  'observe/page/client/show.js',
  'observe/page/client/main.js',
]

/** What the compiler has written of imports and exports, and where it names its map. */
const IMPORT = /^import\s[^;]*?from\s*'[^']*';\n/gm
const EXPORT = /^export (?=(?:async |const |let |class |function ))/gm
const MAP = /^\/\/# sourceMappingURL=.*$/gm

/** Reads what the page is made of. It is then kept: the files may be replaced by another version's. */
export function statusPage(): Page {
  const script = MODULES.map(moduleText).join('\n')
  // What stands for the end of a script in its text would be that.
  if (/<\/script|<!--/i.test(script)) throw new Error('the script of the status page ends itself')
  return {
    type: 'text/html; charset=utf-8',
    body: htmlOf({ style: STATUS_STYLE, script }),
    headers: {
      'content-security-policy': policy(STATUS_STYLE, script),
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
    },
  }
}

function moduleText(path: string): string {
  return readFileSync(new URL(path, CODE_FOLDER), 'utf8')
    .replace(IMPORT, '')
    .replace(EXPORT, '')
    .replace(MAP, '')
    .trim()
}

/** Nothing but this script and this style, which may ask this server alone. */
function policy(style: string, script: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

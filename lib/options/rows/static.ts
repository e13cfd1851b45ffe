/** Files that the server sends by itself. */

import type { OptionRow } from './row.ts'

export const STATIC = {
  static: {
    type: 'list',
    unit: 'PREFIX=DIR',
    item: /^\/(?:[^/=\s?#%\\]+(?:\/[^/=\s?#%\\]+)*\/?)?=.+$/,
    allowed: 'PREFIX=DIR, with a prefix that begins with a slash: /static=public, or /=dist',
    default: [],
    group: 'Static files',
    readBy: ['native'],
    reloadable: true,
    doc: 'Serves the files of DIR below the path PREFIX, with no JavaScript; may be repeated',
    note: "What is not there is the app's. See [static-files.md](static-files.md).",
  },
  staticFallback: {
    type: 'string',
    unit: 'FILE',
    default: '',
    group: 'Static files',
    readBy: ['native'],
    reloadable: true,
    doc: 'The page that browsers get where the app answers 404: the one of a single-page app',
  },
  staticMaxAge: {
    type: 'duration',
    default: 'off',
    off: 'browsers ask each time whether it has changed',
    group: 'Static files',
    readBy: ['native'],
    reloadable: true,
    doc: 'How long browsers and caches may keep a static file without asking; not for HTML',
  },
  staticImmutable: {
    type: 'list',
    unit: 'PREFIX',
    item: /^\/\S*$/,
    allowed: 'paths that begin with a slash, such as /assets',
    default: [],
    group: 'Static files',
    readBy: ['native'],
    reloadable: true,
    doc: 'Paths below which no file ever changes: browsers keep those for a year',
    note: 'Files with a hexadecimal hash in their name (`main.8e0d62a1.js`) are known by that; name here where those of Vite, Rollup or esbuild are.',
  },
  sendfileRoot: {
    type: 'string',
    unit: 'DIR',
    default: '',
    group: 'Static files',
    readBy: ['native'],
    reloadable: true,
    doc: 'Sends the file that the app names in the header X-Sendfile, if it is below DIR',
  },
} as const satisfies Record<string, OptionRow>

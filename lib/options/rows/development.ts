/** Reloading, and what a developer wants to see. */

import type { OptionRow } from './row.ts'

export const DEVELOPMENT = {
  dev: {
    type: 'boolean',
    default: false,
    group: 'Development',
    readBy: ['main', 'worker'],
    doc: "Shows the app's errors to the client, with the code around them",
    note: 'Never in production: stack traces tell strangers about your code. See [development-server.md](development-server.md).',
  },
  reload: {
    type: 'boolean',
    default: false,
    group: 'Development',
    readBy: ['main', 'worker'],
    doc: 'Replaces the workers whenever a file that the app has loaded changes',
    note: 'For development: to load new code in production, send HUP. See [development-server.md](development-server.md).',
  },
  reloadEngine: {
    type: 'enum',
    values: ['auto', 'poll'],
    default: 'auto',
    group: 'Development',
    readBy: ['main'],
    doc: 'How changes are noticed: events of the file system and a look now and then, or looks alone',
    note: '`poll` looks every second, `auto` every two seconds beside the events, which network file systems and some bind mounts do not send.',
  },
  reloadExtraFile: {
    type: 'list',
    unit: 'FILE',
    item: /./,
    allowed: 'files separated by commas',
    default: [],
    group: 'Development',
    readBy: ['main'],
    doc: 'One more file to watch, such as a template; may be repeated',
  },
  reloadInclude: {
    type: 'list',
    unit: 'GLOB',
    item: /./,
    allowed: 'glob patterns separated by commas',
    default: [],
    group: 'Development',
    readBy: ['main'],
    doc: 'Loaded files to watch although they lie in a folder of packages or a hidden one',
    note: 'A pattern without `/` is for names, others for paths below the current folder, for example `node_modules/my-package/**`. `*`, `**`, `?`, `[...]` and `{...}` mean what they mean in a shell.',
  },
  reloadExclude: {
    type: 'list',
    unit: 'GLOB',
    item: /./,
    allowed: 'glob patterns separated by commas',
    default: [],
    group: 'Development',
    readBy: ['main'],
    doc: 'Loaded files not to watch, for example some that the app writes itself',
  },
} as const satisfies Record<string, OptionRow>

// Puts the modules that a start needs into a few files, since it takes Node about as long to find and
// link a module as to run it. Each module keeps a file at its own place, which only re-exports then, so
// that it can be imported by its name and is the same one for everybody. They are CommonJS: what the
// loader of ES modules takes to get ready comes before anything of ours runs, in the process and again in
// each thread; and to import `node:http` is to read all its exports, which from Node 22 on loads undici.
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { rolldown } from 'rolldown'
import { root } from './project.mjs'

const lib = join(root, 'lib')
/**
 * What starts the thread; what comes next in each thread; what every command needs, what some need, what only a server
 * needs, and a worker.
 */
const THREAD = ['cli/main']
const FIRST = ['worker/thread', 'worker/child']
/** Goes there too: what stands in any other file cannot `import()`. */
const IMPORTS = 'import-external'
const COMMAND = ['cli/run']
const COMMANDS = ['cli/help', 'cli/ctl/command', 'cli/top/command', 'cli/trace/command']
const SERVER = ['control/run']
const WORKER = ['worker/main', 'worker/process']
/** Runs in a browser, too, whose script is put together from these files as the compiler writes them: ES modules. */
const PAGE = ['observe/page/client', 'observe/view']

/** Writes the JavaScript of `lib` to `folder`, in the place of what the compiler has written there. */
export async function bundle(folder) {
  const modules = modulesOfLib()
  rmSync(join(folder, 'chunks'), { recursive: true, force: true })
  for (const name of modules) rmSync(join(folder, `${name}.js.map`), { force: true })
  const graph = new Map()
  const build = await rolldown({
    input: Object.fromEntries(modules.map((name) => [name, join(lib, `${name}.ts`)])),
    platform: 'node',
    external: (id) => !/^[./]/.test(id),
    tsconfig: join(root, 'tsconfig.json'),
    // What is in a common file may be exported for others, too.
    preserveEntrySignatures: 'allow-extension',
    treeshake: false,
    // Of what else needs a module: then it is there anyway.
    checks: { ineffectiveDynamicImport: false },
    plugins: [noteImports(graph)],
  })
  try {
    await build.write({
      dir: folder,
      format: 'cjs',
      entryFileNames: '[name].js',
      chunkFileNames: 'chunks/[name].js',
      sourcemap: true,
      // Of comments only those that programs read: V8 reads all of it, and people read the sources.
      comments: { jsdoc: false },
      codeSplitting: { includeDependenciesRecursively: false, groups: groupsOf(graph) },
    })
  } finally {
    await build.close()
  }
  // The package's own says that its files are ES modules, as those of its sources are.
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
  for (const name of PAGE)
    writeFileSync(join(folder, name, 'package.json'), '{ "type": "module" }\n')
}

function modulesOfLib() {
  return readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !isOfPage(name))
    .map((name) => name.slice(0, -'.ts'.length))
}

const isOfPage = (name) => PAGE.some((folder) => name.startsWith(`${folder}/`))

/** Notes what each module imports statically, once all are parsed. */
function noteImports(graph) {
  return {
    name: 'note-imports',
    buildEnd() {
      for (const id of this.getModuleIds())
        graph.set(nameOf(id), this.getModuleInfo(id).importedIds.map(nameOf))
    },
  }
}

const nameOf = (id) => relative(lib, id).replace(/\.ts$/, '')

/**
 * The common file of each module. One that a command needs is in no file with one that it does not: the
 * addon is loaded by the latter.
 */
function groupsOf(graph) {
  let closures
  const groupOf = (id) => {
    closures ??= [THREAD, FIRST, COMMAND, COMMANDS, SERVER, WORKER].map((names) =>
      closureOf(graph, names),
    )
    const [isThread, isFirst, isCommand, isOfOne, isServer, isWorker] = closures.map((closure) =>
      closure.has(nameOf(id)),
    )
    if (isThread) return 'thread'
    if (isFirst || nameOf(id) === IMPORTS) return 'first'
    if (isCommand || (isOfOne && (isServer || isWorker))) return isWorker ? 'shared' : 'command'
    if (isServer) return isWorker ? 'crossing' : 'server'
    return isWorker ? 'worker' : null
  }
  return [{ debugName: 'start', name: groupOf }]
}

/** What these modules import, and what that imports; without themselves. */
function closureOf(graph, names) {
  const found = new Set()
  const visit = (name) => {
    for (const next of graph.get(name) ?? []) {
      if (found.has(next)) continue
      found.add(next)
      visit(next)
    }
  }
  for (const name of names) visit(name)
  return found
}

// Checks on texts that no linter makes: paths that exist on one machine only, links that lead
// nowhere, and the one file that may load the addon.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Failure } from './project.mjs'

const TEXT = /\.(?:json|lua|md|mjs|py|rs|sh|svg|toml|ts|txt|yml)$|^\.ci\//
/** Folders of a person or of a build machine. */
const MACHINE_PATH = /(?<![\w.])\/(?:home|Users|root|work|workspace)\/\w/
const LINK = /\]\((?!\w+:)([^)#\s]+)(?:#[^)\s]*)?\)/g
/** A source file that a page names, with or without its folder. */
const SOURCE = /`(?:[\w-]+\/)*([\w-]+\.(?:rs|mjs))`/g
const ADDON = /['"`][^'"`\s]*\.node['"`]|\bprocess\.dlopen\b/
const ADDON_LOADER = 'lib/bridge/native-loader.ts'

/** One line for each flaw, with file and line number. */
export function flawsOf(root) {
  const files = projectFiles(root)
  const names = new Set(files.map((file) => basename(file)))
  return files.flatMap((file) => {
    const lines = readFileSync(join(root, file), 'utf8').split('\n')
    return lines.flatMap((line, i) =>
      flawsOfLine({ root, names }, file, line).map((flaw) => `${file}:${i + 1}: ${flaw}`),
    )
  })
}

/** The files under version control, or that would be. */
function projectFiles(root) {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard']
  let listed
  try {
    listed = execFileSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  } catch (error) {
    throw new Failure(`the files of the project are not known without git: ${error.message}`)
  }
  return listed.split('\n').filter((file) => TEXT.test(file) && existsSync(join(root, file)))
}

function flawsOfLine({ root, names }, file, line) {
  const flaws = []
  const [machinePath] = line.match(MACHINE_PATH) ?? []
  if (machinePath !== undefined) flaws.push(`a path of one machine (${machinePath}...)`)
  if (file.endsWith('.md')) {
    for (const [, target] of line.matchAll(LINK)) {
      if (!existsSync(join(root, dirname(file), target))) flaws.push(`${target} does not exist`)
    }
  }
  if (file.startsWith('docs/')) {
    for (const [, name] of line.matchAll(SOURCE))
      if (!names.has(name)) flaws.push(`there is no source file ${name}`)
  }
  if (file.startsWith('lib/') && file !== ADDON_LOADER && ADDON.test(line))
    flaws.push(`only ${ADDON_LOADER} loads the addon`)
  return flaws
}

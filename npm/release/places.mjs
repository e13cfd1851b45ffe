// Where a binary was built must not be told by it: the same commit gives the same bytes in any folder.
import { homedir } from 'node:os'
import { join, sep } from 'node:path'
import { root } from '../project.mjs'

/** The folder of cargo, with the sources of all crates. */
export const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo')

/** What a build reads its sources from. */
const PLACES = [root, cargoHome].map((folder) => folder.replace(/[\\/]?$/, sep))

/**
 * One line for each folder of this machine that a binary names.
 *
 * @param {{ triple: string }} target
 * @param {Buffer} file
 */
export function flawsOfPlaces({ triple }, file) {
  return PLACES.filter((folder) => file.includes(folder)).map(
    (folder) => `${triple} names ${folder}, so it would differ if it were built elsewhere`,
  )
}

// zig as the C compiler and linker of Linux builds: it links against the symbols of an old glibc, or
// against musl, on any machine. PyPI has it, and cargo's command for it.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { must, root } from '../project.mjs'

const PACKAGES = ['ziglang==0.17.1', 'cargo-zigbuild==0.24.1']
const folder = join(root, 'target/zig', PACKAGES.join('+'))

/** The environment in which `cargo zigbuild` works; installs it the first time. */
export async function zigEnvironment() {
  const programs = join(folder, 'bin')
  if (!existsSync(join(programs, 'cargo-zigbuild'))) {
    await must('python3', ['-m', 'venv', folder])
    await must(join(programs, 'pip'), [
      ...['install', '--quiet', '--disable-pip-version-check'],
      ...PACKAGES,
    ])
  }
  return { PATH: `${programs}${delimiter}${process.env.PATH}` }
}

import { spawnSync } from 'node:child_process'

/** Why curl(1) cannot be run here with all that the tests need, if it cannot. */
export function missing(): string | undefined {
  const { status, stdout } = spawnSync('curl', ['--version'], { encoding: 'utf8' })
  if (status !== 0) return 'needs curl'
  const features = ['HTTP2', 'SSL', 'UnixSockets', 'brotli', 'zstd', 'libz']
  const lacking = features.filter((feature) => !stdout.includes(feature))
  return lacking.length === 0 ? undefined : `needs a curl with ${lacking.join(', ')}`
}

import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // `npm run test:soak` says for how many minutes.
    include: [process.env.SOAK_MINUTES ? 'test/soak/*.soak.ts' : 'test/**/*.test.ts'],
    // A process per file: what a file leaks shows in `/proc/self`, and the addon is loaded afresh.
    pool: 'forks',
    setupFiles: 'test/support/setup.ts',
    maxWorkers: 2,
    // For what hangs. Tests fail by what they wait for, which has its own limits, and not for slowness.
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
})

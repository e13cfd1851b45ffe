/** Resolves after `ms` milliseconds, or with `event`, whichever is first. */
export async function within(ms: number, event: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([event, late])
  clearTimeout(timer)
}

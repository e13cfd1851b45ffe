// What /proc tells about a server's process tree: processor time, threads, memory.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** Nanoseconds in a clock tick of /proc/<pid>/stat: USER_HZ is 100 on every Linux that Node runs on. */
const NS_PER_TICK = 1e7

const read = (path) => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined // the process or thread has ended
  }
}

const threadsOf = (pid) => {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** `root` and every process below it. */
export function processTree(root) {
  const found = [root]
  for (const pid of found) {
    for (const tid of threadsOf(pid)) {
      const children = read(`/proc/${pid}/task/${tid}/children`)
      if (children) found.push(...children.trim().split(/\s+/).filter(Boolean).map(Number))
    }
  }
  return found
}

/** Nanoseconds a thread has run: exact where the kernel has schedstat, else by ticks of 10 ms. */
function threadTime(pid, tid) {
  const exact = Number.parseInt(read(`/proc/${pid}/task/${tid}/schedstat`) ?? '0', 10)
  if (exact > 0) return exact
  const stat = read(`/proc/${pid}/task/${tid}/stat`)
  if (stat === undefined) return 0
  // Fields are counted after the command, which may hold spaces and parentheses: utime, stime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * NS_PER_TICK
}

/**
 * Processor time of each thread of a process tree so far.
 *
 * @param {number} root the tree's first process
 * @param {'main' | RegExp | undefined} jsThread which threads run the app: the main thread, or those
 *   whose name matches; `undefined` where that is not known
 * @returns {Map<number, { time: number, js: boolean }>} by thread id, in nanoseconds
 */
export function threadTimes(root, jsThread) {
  const times = new Map()
  for (const pid of processTree(root)) {
    for (const tid of threadsOf(pid)) {
      const js =
        jsThread === 'main'
          ? Number(tid) === root
          : (jsThread?.test(read(`/proc/${pid}/task/${tid}/comm`) ?? '') ?? false)
      times.set(Number(tid), { time: threadTime(pid, tid), js })
    }
  }
  return times
}

/**
 * Processor time between two readings, in nanoseconds. A thread that ended in between counts until
 * the first of them only.
 *
 * @returns {{ total: number, js: number | undefined }} `js` is undefined without such a thread
 */
export function elapsed(before, after) {
  let total = 0
  let js
  for (const [tid, thread] of after) {
    const time = thread.time - (before.get(tid)?.time ?? 0)
    total += time
    if (thread.js) js = (js ?? 0) + time
  }
  return { total, js }
}

/**
 * Nanoseconds that a core has run programs so far, or was withheld by a hypervisor. Interrupts are
 * left out: whether they count as a program's time depends on the kernel.
 */
export function coreTime(core) {
  const [, user, nice, system, , , , , steal] = new RegExp(`^cpu${core} .*`, 'm')
    .exec(read('/proc/stat') ?? '')[0]
    .split(/\s+/)
    .map(Number)
  return (user + nice + system + steal) * NS_PER_TICK
}

/** Makes the kernel forget the peak of resident memory, so that `memory` gives a new one. */
export function resetPeakMemory(root) {
  for (const pid of processTree(root)) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5')
    } catch {
      // Not permitted here: the peak is then that of the whole life of the process.
    }
  }
}

/** Resident memory of a process tree in bytes, now and at its peak (the sum of the peaks). */
export function memory(root) {
  return memoryOf(processTree(root))
}

/** The same of some processes. */
export function memoryOf(pids) {
  let now = 0
  let peak = 0
  for (const pid of pids) {
    const status = read(`/proc/${pid}/status`) ?? ''
    now += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024
    peak += Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024
  }
  return { now, peak }
}

/**
 * Memory of a process tree in bytes: `once` counts what its processes share, as the code of Node, for one
 * of them, `rss` for each. The kernel's own sum of that kind, PSS, depends on what else runs on the machine:
 * it splits a page among all processes that have it.
 */
export function sharedMemory(root) {
  let own = 0
  let shared = 0
  let rss = 0
  for (const pid of processTree(root)) {
    const rollup = read(`/proc/${pid}/smaps_rollup`) ?? ''
    const bytes = (field) =>
      Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0) * 1024
    own += bytes('Private_Clean') + bytes('Private_Dirty')
    shared = Math.max(shared, bytes('Shared_Clean') + bytes('Shared_Dirty'))
    rss += bytes('Rss')
  }
  return { once: own + shared, rss }
}

/** The cores this process may run on. */
export function allowedCores() {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(read('/proc/self/status') ?? '')?.[1] ?? ''
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

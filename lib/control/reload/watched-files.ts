/**
 * Files under watch. What has changed is told by looking at them: at the time of the last change and
 * the size. Events of the file system only say when to look, at once; without them it is seen at the
 * next look that is due anyway. So editors that rename a new file over the old one, folders that go and
 * come back, file systems that send no events and limits on how much can be watched all end well.
 *
 * Folders are watched rather than files: an event survives the file, and they are few.
 */

import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileVersion, versionOf } from '../../file-version.ts'
import { log } from '../../log.ts'

/** A look is due this often, in milliseconds: beside events, and without them. */
const LOOK_BESIDE_EVENTS_MS = 2000
const LOOK_MS = 1000
/** Files that are looked at together. */
const LOOK_WIDTH = 64

interface WatchedFolder {
  readonly paths: Set<string>
  watcher: FSWatcher | undefined
  /** Which folder it was when it was watched: another one may lie in its place by now. */
  inode: bigint | undefined
}

/** Tells when one of a number of files changes. */
export class WatchedFiles {
  private readonly onChange: (path: string) => void
  private readonly versions = new Map<string, string>()
  private readonly folders = new Map<string, WatchedFolder>()
  private usesEvents: boolean
  private timer: NodeJS.Timeout | undefined
  private isClosed = false

  /** `onChange` is called with each file that has changed or has come to be; not with one that is gone. */
  constructor(usesEvents: boolean, onChange: (path: string) => void) {
    this.usesEvents = usesEvents
    this.onChange = onChange
    this.lookLater()
  }

  /**
   * Watches a file, which need not exist. It has changed if it is another than one of those who use it
   * has loaded.
   *
   * @param path absolute
   * @param version the version that was loaded
   */
  add(path: string, version?: string): void {
    const known = this.versions.get(path)
    if (known === undefined) this.watchFolderOf(path)
    const now = fileVersion(path)
    this.versions.set(path, now)
    const isSame = now === (version ?? now) && now === (known ?? now)
    if (!isSame && now !== '') this.onChange(path)
  }

  close(): void {
    this.isClosed = true
    clearTimeout(this.timer)
    for (const folder of this.folders.values()) folder.watcher?.close()
  }

  private watchFolderOf(path: string): void {
    const name = dirname(path)
    let folder = this.folders.get(name)
    if (folder === undefined) {
      folder = { paths: new Set(), watcher: undefined, inode: undefined }
      this.folders.set(name, folder)
    }
    folder.paths.add(path)
    if (folder.watcher === undefined) void this.watchFolder(name, folder)
  }

  /** Watches a folder, unless it is watched already; does nothing while it does not exist. */
  private async watchFolder(name: string, folder: WatchedFolder): Promise<void> {
    if (!this.usesEvents) return
    const inode = await stat(name, { bigint: true }).then(
      (stats) => stats.ino,
      () => undefined,
    )
    if (this.isClosed || (folder.watcher !== undefined && folder.inode === inode)) return
    folder.watcher?.close()
    folder.watcher = undefined
    folder.inode = inode
    if (inode === undefined) return
    try {
      const watcher = watch(name, { persistent: false }, () => void this.look(folder.paths))
      folder.watcher = watcher
      watcher.on('error', () => {
        watcher.close()
        if (folder.watcher === watcher) folder.watcher = undefined
      })
      // What happened before there was a watcher.
      void this.look(folder.paths)
    } catch (error) {
      this.doWithoutEvents(name, error)
    }
  }

  private doWithoutEvents(name: string, error: unknown): void {
    const { code } = error as NodeJS.ErrnoException
    // It was removed just now; the next look sees whether it is back.
    if (code === 'ENOENT' || !this.usesEvents) return
    this.usesEvents = false
    log(
      'warning',
      `${name} cannot be watched (${code}), perhaps for a limit such as fs.inotify.max_user_watches: files are looked at every ${LOOK_MS / 1000} s instead`,
    )
  }

  private lookLater(): void {
    const ms = this.usesEvents ? LOOK_BESIDE_EVENTS_MS : LOOK_MS
    this.timer = setTimeout(async () => {
      await this.look([...this.versions.keys()])
      for (const [name, folder] of this.folders) await this.watchFolder(name, folder)
      if (!this.isClosed) this.lookLater()
    }, ms).unref()
  }

  private async look(paths: Iterable<string>): Promise<void> {
    const all = [...paths]
    for (let first = 0; first < all.length; first += LOOK_WIDTH)
      await Promise.all(all.slice(first, first + LOOK_WIDTH).map((path) => this.lookAt(path)))
  }

  private async lookAt(path: string): Promise<void> {
    const version = await stat(path, { bigint: true }).then(versionOf, () => '')
    // A file that is gone is likely to come back: some editors delete it first.
    if (this.isClosed || version === '' || version === this.versions.get(path)) return
    this.versions.set(path, version)
    this.onChange(path)
  }
}

/** The pages about a server that its options ask for, and where they are served. */

import { MonodonError } from '../errors.ts'
import { log } from '../log.ts'
import type { Options } from '../options/table.ts'
import { CONTENT_TYPES, exposition, formatFor } from './exposition.ts'
import { ObserveServer, type Pages } from './http.ts'
import { statusPage } from './page/page.ts'
import type { Figures, Snapshot } from './snapshot.ts'

/** While an earlier server has the address it is asked for again after so many milliseconds. */
const AGAIN_MS = 500

/** What is to be shown of. */
export interface Shown {
  figures(): Figures
  snapshot(): Snapshot
}

/** Pages at one address. */
interface Place {
  readonly bind: string
  /** The options that name it. */
  readonly options: string[]
  pages: Pages
}

/** Serves the pages until it is closed. */
export class ObservePages {
  private readonly servers: ObserveServer[] = []
  private isOpen = true

  /**
   * Opens the addresses that the options name. While there is an earlier server (`isFollowing`), one that
   * is taken is that one's, and opened when it is free.
   *
   * @throws MonodonError `MONODON_BAD_OPTION`, `MONODON_BIND_FAILED`
   */
  static open(shown: Shown, options: Options, isFollowing: boolean): ObservePages {
    const opened = new ObservePages()
    try {
      for (const place of placesOf(shown, options))
        opened.listen(place, options.observeToken, isFollowing)
    } catch (error) {
      opened.close()
      throw error
    }
    return opened
  }

  close(): void {
    this.isOpen = false
    for (const server of this.servers) server.close()
  }

  private listen(place: Place, token: string, isFollowing: boolean): void {
    const { bind, pages } = place
    const option = place.options.join(' and ')
    try {
      const server = ObserveServer.open({ bind, option, token }, pages)
      this.servers.push(server)
      for (const path of Object.keys(pages)) log('info', `${option}: ${server.url}${path}`)
    } catch (error) {
      const isTaken = error instanceof MonodonError && error.code === 'MONODON_BIND_FAILED'
      if (!isFollowing || !isTaken) throw error
      setTimeout(() => {
        if (this.isOpen) this.listen(place, token, true)
      }, AGAIN_MS).unref()
    }
  }
}

function placesOf(shown: Shown, { metricsBind, metricsPath, statusBind }: Options): Place[] {
  const places: Place[] = []
  const add = (bind: string, option: string, pages: Pages): void => {
    if (bind === '') return
    const known = places.find((place) => place.bind === bind)
    if (known === undefined) places.push({ bind, options: [option], pages })
    else {
      known.options.push(option)
      known.pages = { ...known.pages, ...pages }
    }
  }
  add(metricsBind, '--metrics-bind', { [metricsPath]: ({ accept }) => metricsPage(shown, accept) })
  if (statusBind !== '') add(statusBind, '--status-bind', statusPages(shown))
  return places
}

function statusPages(shown: Shown): Pages {
  const page = statusPage()
  return {
    '/': () => page,
    '/status.json': () => ({
      type: 'application/json',
      body: JSON.stringify(shown.snapshot()),
    }),
  }
}

function metricsPage(shown: Shown, accept: string) {
  const format = formatFor(accept)
  return { type: CONTENT_TYPES[format], body: exposition(shown.figures(), format) }
}

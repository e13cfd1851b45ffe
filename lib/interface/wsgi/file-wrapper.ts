import { type FileHandle, open } from 'node:fs/promises'
import { fileOfStream, isHandle, type OpenedFile } from '../opened-file.ts'
import type { Chunk, FileLike, FileWrapper } from './types.ts'

/** Bytes of a file that are read at a time. */
const BLOCK_BYTES = 65_536

type File = Parameters<FileWrapper>[0]

/** `wsgi.file_wrapper`: a body that is a file, read in blocks unless native code sends it, and closed with the response. */
export class FileBody implements AsyncIterable<Chunk> {
  private readonly file: File
  private readonly blockSize: number
  /** What a path is opened as; closed also when the client leaves meanwhile. */
  private opening: Promise<FileHandle> | undefined

  constructor(file: File, blockSize: number = BLOCK_BYTES) {
    if (!isFile(file))
      throw new TypeError(
        'wsgi.file_wrapper takes a path, a FileHandle, a readable stream, or an object with read(size)',
      )
    if (!Number.isInteger(blockSize) || blockSize < 1)
      throw new TypeError(`a block size is a whole number above 0, not ${blockSize}`)
    this.file = file
    this.blockSize = blockSize
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk> {
    const file = this.file
    if (isPath(file)) return this.path(file)
    if (isHandle(file)) return this.blocks(file)
    if (isIterable(file)) return file[Symbol.asyncIterator]()
    return this.reads(file)
  }

  async close(): Promise<void> {
    const file = isPath(this.file) ? await this.opening?.catch(() => undefined) : this.file
    if (file === undefined) return
    if ('close' in file && typeof file.close === 'function') await file.close()
    else if ('destroy' in file && typeof file.destroy === 'function') file.destroy()
  }

  /** The file itself, if reading this is nothing but reading a file. */
  async opened(): Promise<OpenedFile | undefined> {
    const { file } = this
    if (!isPath(file) && !isHandle(file)) return fileOfStream(file)
    const { fd: descriptor } = isPath(file) ? await this.openPath(file) : file
    const isOpen = descriptor >= 0
    return isOpen ? { descriptor, start: undefined, end: Number.POSITIVE_INFINITY } : undefined
  }

  private openPath(path: string | URL): Promise<FileHandle> {
    this.opening ??= open(path)
    return this.opening
  }

  private async *path(path: string | URL): AsyncGenerator<Chunk> {
    yield* this.blocks(await this.openPath(path))
  }

  /** One buffer for all blocks: the server has written a chunk when it asks for the next one. */
  private async *blocks(handle: FileHandle): AsyncGenerator<Chunk> {
    const buffer = Buffer.allocUnsafeSlow(this.blockSize)
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  }

  private async *reads(file: FileLike): AsyncGenerator<Chunk> {
    for (;;) {
      const chunk = await file.read(this.blockSize)
      if (chunk === null || chunk === undefined) return
      if ((typeof chunk === 'string' ? chunk.length : chunk.byteLength) === 0) return
      yield chunk
    }
  }
}

/** The same as a function, as PEP 3333 has it. */
export const fileWrapper: FileWrapper = (file, blockSize) => new FileBody(file, blockSize)

const isPath = (file: File): file is string | URL => typeof file === 'string' || file instanceof URL

const isIterable = (file: object): file is AsyncIterable<Chunk> => Symbol.asyncIterator in file

function isFile(file: File): boolean {
  if (isPath(file)) return true
  if (typeof file !== 'object' || file === null) return false
  return isIterable(file) || ('read' in file && typeof file.read === 'function')
}

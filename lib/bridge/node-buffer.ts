/**
 * A `Buffer` with the string methods that Node gives it beside `toString` and `write`: one call into
 * V8 each, without looking up an encoding by its name.
 */
export interface NodeBuffer extends Buffer {
  latin1Slice(start: number, end: number): string
  latin1Write(text: string, at: number): number
  utf8Slice(start: number, end: number): string
  utf8Write(text: string, at: number): number
}

/** `memory` as a `NodeBuffer`. */
export function nodeBuffer(memory: ArrayBuffer): NodeBuffer {
  return Buffer.from(memory) as unknown as NodeBuffer
}

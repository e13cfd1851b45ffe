/** Rust text from the option table and from the record layout; `rustfmt` has the last word on it. */

import * as layout from '../bridge/layout.ts'
import { snake } from './names.ts'
import type { OptionRow } from './rows/row.ts'
import { OPTION_KEYS, type OptionKey, rowOf } from './table.ts'
import { formatValue, parseValue } from './values.ts'

const OPTIONS_HEADER =
  '//! GENERATED from `lib/options/table.ts` by `npm run generate`. Do not edit.\n'
const LAYOUT_HEADER = `//! The record layout: what crosses between native code and a worker.
//!
//! GENERATED from \`lib/bridge/layout.ts\`, which describes it, by \`npm run generate\`. Do not edit.
`

/** `crates/monodon-http/src/options.rs`: the options that native code reads. */
export function optionsRust(): string {
  const keys = nativeKeys()
  const field = (key: OptionKey) =>
    `/// ${markWords(rowOf(key).doc)}.\npub ${rustName(key)}: ${rustType(rowOf(key))},`
  const initial = (key: OptionKey) => `${rustName(key)}: ${rustDefault(rowOf(key))},`
  return `${OPTIONS_HEADER}
use std::time::Duration;

/// The protocols a listener speaks (\`--http\`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersions {
    /// HTTP/1.1, and HTTP/2 for clients that open with its preface.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, with prior knowledge.
    Http2,
}

/// What the native server is told. Durations of zero mean "off".
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
${keys.map(field).join('\n')}
}

impl Default for Options {
    fn default() -> Self {
        Self {
${keys.map(initial).join('\n')}
        }
    }
}
`
}

/** `crates/monodon-napi/src/options.rs`: the same options as they come from JavaScript. */
export function nativeOptionsRust(): string {
  const field = (key: OptionKey) => {
    // napi would call the field after its raw name.
    const name = rustName(key).startsWith('r#') ? `#[napi(js_name = "${key}")]\n` : ''
    return `${name}pub ${rustName(key)}: ${napiType(rowOf(key))},`
  }
  const conversion = (key: OptionKey) =>
    `${rustName(key)}: ${fromNapi(rowOf(key), `from.${rustName(key)}`)},`
  return `${OPTIONS_HEADER}
use std::time::Duration;

use monodon_http::options::{HttpVersions, Options};
use napi_derive::napi;

/// \`NativeOptions\` of \`lib/options/native.ts\`: durations in milliseconds, sizes in bytes.
#[napi(object)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct NativeOptions {
${nativeKeys().map(field).join('\n')}
}

impl From<NativeOptions> for Options {
    #[allow(
        clippy::cast_sign_loss,
        reason = "bounds were checked against the option table; a negative number would saturate to 0"
    )]
    fn from(from: NativeOptions) -> Self {
        let duration = |ms: f64| Duration::from_millis(ms as u64);
        Self {
${nativeKeys().map(conversion).join('\n')}
        }
    }
}
`
}

function nativeKeys(): readonly OptionKey[] {
  return OPTION_KEYS.filter((key) => rowOf(key).readBy.includes('native'))
}

/** JavaScript's numbers hold what 32 bits do not. */
function napiType(row: OptionRow): string {
  const type = rustType(row)
  if (type === 'Duration' || type === 'u64') return 'f64'
  return type === 'HttpVersions' ? 'String' : type
}

function fromNapi(row: OptionRow, value: string): string {
  switch (rustType(row)) {
    case 'Duration':
      return `duration(${value})`
    case 'u64':
      return `${value} as u64`
    case 'HttpVersions':
      return `match ${value}.as_str() {
          "1" => HttpVersions::Http1,
          "2" => HttpVersions::Http2,
          _ => HttpVersions::Auto,
      }`
    default:
      return value
  }
}

/** An option may be called as a word of the language is. */
function rustName(key: OptionKey): string {
  return key === 'static' ? `r#${key}` : snake(key)
}

function rustType(row: OptionRow): string {
  switch (row.type) {
    case 'integer':
    case 'mode':
      return 'u32'
    case 'size':
      return row.max > 0xffff_ffff ? 'u64' : 'u32'
    case 'duration':
      return 'Duration'
    case 'addresses':
    case 'list':
      return 'Vec<String>'
    case 'enum':
      return isHttp(row) ? 'HttpVersions' : 'String'
    case 'boolean':
      return 'bool'
    case 'string':
      return 'String'
  }
}

/** Other enums cross as text. */
function isHttp(row: OptionRow): boolean {
  return row === rowOf('http')
}

/** Native code does not count cores: `auto` is what it is on one core. */
function rustDefault(row: OptionRow): string {
  // An unset string is '', which nobody can give.
  const value = row.type === 'string' ? row.default : parseValue(row, row.default, 1)
  switch (row.type) {
    case 'duration':
      return rustDuration(Number(value))
    case 'addresses':
    case 'list':
      if (row.default.length === 0) return 'Vec::new()'
      return `vec![${row.default.map((text) => `${JSON.stringify(text)}.to_owned()`).join(', ')}]`
    case 'enum':
      if (!isHttp(row)) return `${JSON.stringify(value)}.to_owned()`
      return `HttpVersions::${value === 'auto' ? 'Auto' : `Http${String(value)}`}`
    case 'string':
      return value === '' ? 'String::new()' : `${JSON.stringify(value)}.to_owned()`
    case 'boolean':
      return String(value)
    case 'mode':
      return `0o${formatValue(row, value)}`
    default:
      return grouped(Number(value))
  }
}

function rustDuration(ms: number): string {
  return ms % 1000 === 0
    ? `Duration::from_secs(${grouped(ms / 1000)})`
    : `Duration::from_millis(${grouped(ms)})`
}

/** `crates/monodon-bridge/src/layout.rs`: every constant of `lib/bridge/layout.ts`. */
export function layoutRust(source: string): string {
  const docs = docComments(source)
  const constant = (name: string, type: string, value: string) =>
    `/// ${docOf(docs, name)}\npub const ${name}: ${type} = ${value};`
  const group = (name: string, values: Readonly<Record<string, number>>, type: string) => {
    const prefix = `${name.toUpperCase()}.`
    const lines = Object.entries(values).map(
      ([key, value]) =>
        `/// ${docOf(docs, prefix + key)}\npub const ${snake(key).toUpperCase()}: ${type} = ${value};`,
    )
    return `/// ${docOf(docs, name.toUpperCase())}\npub mod ${name} {\n${lines.join('\n')}\n}`
  }
  const list = (name: string, values: readonly string[]) =>
    constant(name, '&[&str]', `&[${values.map((text) => JSON.stringify(text)).join(', ')}]`)
  const bytes = (name: string, value: number) => constant(name, 'usize', grouped(value))

  return [
    LAYOUT_HEADER,
    constant('LAYOUT_VERSION', 'u32', String(layout.LAYOUT_VERSION)),
    group('kind', layout.KIND, 'u8'),
    group('flag', layout.FLAG, 'u8'),
    group('request', layout.REQUEST, 'usize'),
    group('environ', layout.ENVIRON, 'usize'),
    group('file', layout.FILE, 'usize'),
    group('batch_head', layout.BATCH_HEAD, 'usize'),
    list('METHODS', layout.METHODS),
    list('BODY_FAULTS', layout.BODY_FAULTS),
    bytes('BATCH_BYTES', layout.BATCH_BYTES),
    bytes('OUTBOUND_BYTES', layout.OUTBOUND_BYTES),
    bytes('BATCH_RECORDS', layout.BATCH_RECORDS),
    bytes('BATCH_FILES', layout.BATCH_FILES),
    bytes('INLINE_BODY_BYTES', layout.INLINE_BODY_BYTES),
    bytes('LEND_BYTES', layout.LEND_BYTES),
    bytes('MESSAGE_COST', layout.MESSAGE_COST),
    bytes('HIGH_WATER_BYTES', layout.HIGH_WATER_BYTES),
    bytes('AHEAD_BYTES', layout.AHEAD_BYTES),
    bytes('BODY_WINDOW_BYTES', layout.BODY_WINDOW_BYTES),
    list('HEADER_NAMES', layout.HEADER_NAMES),
    '',
  ].join('\n\n')
}

/**
 * The `/** ... *\/` comment of each exported constant (`NAME`) and of each key in it (`NAME.key`).
 * A key without one shares that of the key before it.
 */
function docComments(source: string): ReadonlyMap<string, string> {
  const docs = new Map<string, string>()
  const pattern =
    /(?:\/\*\*((?:(?!\*\/)[\s\S])*?)\*\/\s*)?(?:^export const (\w+)|^ {2}(\w+): \d+,)/gm
  let constant = ''
  let last = ''
  for (const [, comment, name, key] of source.matchAll(pattern)) {
    if (comment !== undefined) last = comment.replace(/\s*\n\s*\*?\s*/g, ' ').trim()
    if (name !== undefined) constant = name
    docs.set(key === undefined ? constant : `${constant}.${key}`, last)
  }
  return docs
}

function docOf(docs: ReadonlyMap<string, string>, name: string): string {
  const doc = docs.get(name)
  if (doc === undefined || doc === '')
    throw new Error(`lib/bridge/layout.ts: ${name} has no comment`)
  return markWords(doc)
}

/** Puts identifiers between backticks, as rustdoc and clippy want them. */
function markWords(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) =>
      part.startsWith('`')
        ? part
        : part.replace(
            /\b(?:[a-z]+(?:[A-Z][a-z]+)+|[A-Z]+_[A-Z_]+)\b|\[\w+\]:\w+|\w+:\/\/\w+/g,
            '`$&`',
          ),
    )
    .join('')
}

/** `134217728` -> `134_217_728`, from five digits on. */
function grouped(value: number): string {
  const digits = String(value)
  return digits.length < 5 ? digits : digits.replace(/\B(?=(?:\d{3})+$)/g, '_')
}

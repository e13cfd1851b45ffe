// What a shared library of Linux asks of the system: the libraries it needs, and the versions of
// their symbols (the ELF specification, and the Linux Standard Base for .gnu.version_r).
const MAGIC = 0x7f454c46
const CLASS_64 = 2
const LITTLE_ENDIAN = 1
const SHT_DYNAMIC = 6
const SHT_GNU_VERNEED = 0x6ffffffe
const DT_NEEDED = 1n

/**
 * @param {Buffer} file a 64-bit library for a little-endian machine, as all that are published
 * @returns {{ libraries: string[], versions: string[] }} names such as `libc.so.6` and `GLIBC_2.17`
 * @throws {Error} when it is none
 */
export function needsOf(file) {
  if (file.readUInt32BE(0) !== MAGIC || file[4] !== CLASS_64 || file[5] !== LITTLE_ENDIAN)
    throw new Error('it is no 64-bit little-endian ELF file')
  const sections = sectionsOf(file)
  const stringsOf = ({ link }) => {
    const { offset } = sections[link]
    return (at) => file.toString('latin1', offset + at, file.indexOf(0, offset + at))
  }
  const of = (type, read) =>
    sections.filter((one) => one.type === type).flatMap((one) => read(file, one, stringsOf(one)))
  return { libraries: of(SHT_DYNAMIC, neededIn), versions: of(SHT_GNU_VERNEED, versionsIn) }
}

function sectionsOf(file) {
  const start = Number(file.readBigUInt64LE(0x28))
  const [entrySize, count] = [file.readUInt16LE(0x3a), file.readUInt16LE(0x3c)]
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * entrySize
    return {
      type: file.readUInt32LE(at + 0x04),
      offset: Number(file.readBigUInt64LE(at + 0x18)),
      size: Number(file.readBigUInt64LE(at + 0x20)),
      link: file.readUInt32LE(at + 0x28),
      info: file.readUInt32LE(at + 0x2c),
    }
  })
}

/** Pairs of a tag and a value. */
function neededIn(file, { offset, size }, stringAt) {
  return Array.from({ length: size / 16 }, (_, i) => offset + 16 * i)
    .filter((at) => file.readBigInt64LE(at) === DT_NEEDED)
    .map((at) => stringAt(Number(file.readBigUInt64LE(at + 8))))
}

/** A list of libraries, each with a list of versions; both are linked by distances. */
function versionsIn(file, { offset, info }, stringAt) {
  const libraries = linked(file, { at: offset, count: info, next: 12 })
  return libraries.flatMap((at) =>
    linked(file, {
      at: at + file.readUInt32LE(at + 8),
      count: file.readUInt16LE(at + 2),
      next: 12,
    }).map((version) => stringAt(file.readUInt32LE(version + 8))),
  )
}

function linked(file, { at, count, next }) {
  const places = []
  for (let place = at; places.length < count; place += file.readUInt32LE(place + next))
    places.push(place)
  return places
}

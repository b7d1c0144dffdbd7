import Basics
import Compressed
import Glibc
import Seeded
import Testing

@testable import Logs

/// What is a line, what makes a file another file, and what damaged compression leaves readable.
@Suite struct FileLogTests {
  private let scratch = Scratch()

  private func log(_ text: String) throws -> FileLog { try log([scratch.write("f.ndjson", text)]) }
  private func log(_ paths: [String]) throws -> FileLog { try FileLog(paths: paths, shape: .sequence) }

  /// The position behind everything.
  private func end(_ log: FileLog) throws -> LogPosition {
    let reader = try log.reader(partition: 0, from: .start)
    let slice = LogSlice()
    repeat { try reader.read(into: slice, maxBytes: 1 << 20, maxRecords: 4096) } while slice.count > 0
    return slice.end
  }

  @Test func whatIsALine() throws {
    #expect(try texts(readAll(log(""))) == [])
    #expect(try texts(readAll(log("\n\r\n \t\n"))) == [])
    #expect(try texts(readAll(log("a\nb\r\n\n  \nc"))) == ["a", "b", "c"])
    #expect(try texts(readAll(log(" a \n\u{0}\n\u{feff}b\n"))) == [" a ", "\u{0}", "\u{feff}b"])
    #expect(try texts(readAll(log("a\rb\n\r\r\nc\r\r\n"))) == ["a\rb", "c\r"])
  }

  @Test func longLinesKeepTheirLengthOnly() throws {
    for size in [65_535, 65_536, 65_537, 65_538, 131_072, 10_000_000] {
      for (line, end) in [("\n", 0), ("\r\n", 0), ("", 0), ("\r", 1)] {
        let text = "a\n" + String(repeating: "x", count: size) + line + (line.hasSuffix("\n") ? "\r\nb\n" : "")
        let file = try log(text)
        let reader = try file.reader(partition: 0, from: .start)
        let slice = LogSlice(byteCapacity: 1, recordCapacity: 1)
        var all: [Record] = []
        repeat {
          try reader.read(into: slice, maxBytes: 1_000, maxRecords: 10)
          all += records(slice)
        } while slice.count > 0
        #expect(all.map(\.fullLength) == (line.hasSuffix("\n") ? [1, size, 1] : [1, size + end]), "\(size) \(line)")
        #expect(all[1].bytes.count == min(size + end, FileLog.lineLimit + 1))
        #expect(slice.byteCapacity < 1_000_000)
        #expect(try readAll(file).map(\.fullLength) == all.map(\.fullLength))
        #expect(try readAll(file, from: slice.end) == [])
      }
    }
    #expect(try texts(readAll(log(String(repeating: " ", count: 1_000_000) + "\na"))) == ["a"])
  }

  @Test func grownFileGoesOn() throws {
    let file = try log("a\nb\n")
    let reader = try file.reader(partition: 0, from: .start)
    let slice = LogSlice()
    try reader.read(into: slice, maxBytes: 100, maxRecords: 10)
    let position = slice.end
    _ = try log("a\nb\nc\n")
    try reader.read(into: slice, maxBytes: 100, maxRecords: 10)
    #expect(texts(records(slice)) == ["c"])
    #expect(try texts(readAll(file, from: position)) == ["c"])
  }

  @Test func changedFileIsRefused() throws {
    let position = try end(log("a\nb\n"))
    for text in ["a\nc\n", "a\n", "", "b\na\nmore\n", "a \nb\n"] {
      let failure = failure { _ = try log(text).reader(partition: 0, from: position) }
      #expect(failure?.kind == .invalid && failure!.message.contains("its first 4 bytes"), "\(text)")
    }
  }

  @Test func lastLineMayBeEndedButNotGrow() throws {
    let file = try log("a\nb")
    let position = try end(file)
    let slice = LogSlice()
    for (text, more) in [("a\nb", []), ("a\nb\n", []), ("a\nb\r\nc\n", ["c"])] {
      _ = try log(text)
      #expect(try texts(readAll(file, from: position)) == more)
    }
    _ = try log("a\nbc\n")
    let reader = try file.reader(partition: 0, from: position)
    let failure = failure { try reader.read(into: slice, maxBytes: 100, maxRecords: 10) }
    #expect(failure?.kind == .invalid && failure!.message.contains("has grown"))
  }

  @Test func sequenceIsTheFilesInOrder() throws {
    let one = scratch.write("1", "a\nb")
    let two = scratch.write("2", "\n\n")
    let three = scratch.write("3", "c\nd\n")
    let position = try end(log([one, two, three]))
    #expect(position.file == 2 && position.byte == 4 && position.offset == 4)
    #expect(try texts(readAll(log([one, two, three]))) == ["a", "b", "c", "d"])
    #expect(failure { _ = try log([two, one, three]).reader(partition: 0, from: position) }?.kind == .invalid)
    #expect(failure { _ = try log([one]).reader(partition: 0, from: position) }?.kind == .invalid)
  }

  @Test func sameTextCutIntoFilesElsewhereIsAnotherLog() throws {
    let paths = [scratch.write("1", "a\nb\n"), scratch.write("2", "c\n"), scratch.write("3", "d\n")]
    let position = try end(log(paths))
    #expect(try readAll(log(paths), from: position) == [])
    scratch.write("1", "a\n")
    scratch.write("2", "b\nc\n")
    #expect(failure { _ = try log(paths).reader(partition: 0, from: position) }?.kind == .invalid)
  }

  @Test func positionDoesNotDependOnReadSizes() throws {
    let file = try log((0..<500).map { "line \($0)\n" }.joined())
    var positions: [LogPosition] = []
    for size in [1, 7, 100, 1 << 20] {
      let reader = try file.reader(partition: 0, from: .start)
      let slice = LogSlice()
      repeat { try reader.read(into: slice, maxBytes: size, maxRecords: size) } while slice.count > 0
      positions.append(slice.end)
    }
    #expect(positions.allSatisfy { $0 == positions[0] })
  }

  @Test func unusableFilesAreNamed() throws {
    let missing = "\(scratch.path)/missing"
    for path in [missing, scratch.path] {
      let failure = failure { _ = try log([path]) }
      #expect(failure?.kind == .invalid && failure!.message.hasPrefix(path))
    }
    #expect(failure { _ = try log([]) }?.kind == .invalid)
    #expect(failure { _ = try log(["-", "-"]) }?.kind == .invalid)
  }

  @Test func firstBytesDecideAndNamesMustBeTrue() throws {
    let text = Array("a\nb\n".utf8)
    #expect(try texts(readAll(log([scratch.write("x.ndjson", gzip(text))]))) == ["a", "b"])
    #expect(try texts(readAll(log([scratch.write("x.txt", zstd(text))]))) == ["a", "b"])
    #expect(try texts(readAll(log([scratch.write("x.gz", gzip(text) + [0, 0, 0])]))) == ["a", "b"])
    for name in ["y.gz", "y.zst"] {
      let path = scratch.write(name, text)
      #expect(failure { _ = try readAll(log([path])) }?.kind == .corrupt)
    }
  }

  @Test func truncatedCompressionDeliversWholeLinesFirst() throws {
    var dice = SeededRandom(seed: 11)
    let lines = (0..<400).map { _ in String(decoding: dice.bytes(1 + dice.below(60)), as: UTF8.self) }
    let text = Array(lines.map { $0 + "\n" }.joined().utf8)
    let half = text.count / 2
    for (name, bytes) in [
      ("t.gz", gzip(Array(text[..<half])) + gzip(Array(text[half...]))),
      ("t.zst", zstd(Array(text[..<half])) + zstd(Array(text[half...]))),
    ] {
      var most = 0
      for length in stride(from: 30, to: bytes.count, by: 23) + [bytes.count - 1] {
        let path = scratch.write(name, Array(bytes[..<length]))
        let reader = try log([path]).reader(partition: 0, from: .start)
        let slice = LogSlice()
        var read: [String] = []
        let failure = failure {
          repeat {
            try reader.read(into: slice, maxBytes: 5_000, maxRecords: 50)
            read += texts(records(slice))
          } while slice.count > 0
        }
        #expect(read == Array(lines[..<read.count]))
        most = max(most, read.count)
        // A cut exactly between two frames cannot be told from an end.
        #expect(failure?.kind == .corrupt && failure!.message.hasPrefix(path), "\(name) \(length)")
        #expect(again(reader, slice) == failure)
      }
      #expect(most > 200)
    }
  }

  private func again(_ reader: any LogReader, _ slice: LogSlice) -> Failure? {
    failure { try reader.read(into: slice, maxBytes: 5_000, maxRecords: 50) }
  }

  @Test func damagedCompressionNeverYieldsAForeignWholeFile() throws {
    let text = Array((0..<2_000).map { "line \($0)\n" }.joined().utf8)
    for (name, bytes) in [("d.gz", gzip(text)), ("d.zst", zstd(text))] {
      for byte in stride(from: 20, to: bytes.count - 8, by: 97) {
        var damaged = bytes
        damaged[byte] ^= 0x10
        let path = scratch.write(name, damaged)
        // zstd frames carry a checksum only when asked to, so a flipped literal may pass; gzip always notices.
        let failure = failure { _ = try readAll(log([path])) }
        if name == "d.gz" { #expect(failure?.kind == .corrupt, "\(byte)") }
      }
    }
  }

  @Test func progressCountsStoredBytes() throws {
    let path = scratch.write("p.gz", gzip(Array(String(repeating: "line\n", count: 1_000).utf8)))
    let file = try log([path])
    #expect(file.progress.consumed == 0)
    _ = try readAll(file)
    #expect(file.progress.consumed == file.progress.total && file.progress.consumed > 0)
    #expect(try log(["-"]).progress.total == nil)
  }
}

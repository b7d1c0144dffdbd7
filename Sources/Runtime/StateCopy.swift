import Basics
import Foundation
import Glibc
import Logs
import Stores

/// A copy of one partition's state: RocksDB's files, and a manifest with a checksum for each that is there when all else is.
enum StateCopy {
  struct Manifest: Codable {
    var format = 1
    var offset: Int64
    var files: [File]

    struct File: Codable {
      var name: String
      var bytes: Int
      var crc32c: UInt32
    }
  }

  /// Of the directory: the offset it stands for, with zeros in front, so that names sort as offsets do.
  static func name(_ offset: Int64) -> String {
    let digits = String(offset)
    return String(repeating: "0", count: 20 - digits.count) + digits
  }

  static func isWhole(_ directory: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(directory)/manifest.json")
  }

  /// The offset a state stands for, read from it.
  static func offset(of directory: String) throws(Failure) -> Int64 {
    var options = Store.Options(budget: MemoryBudget(bytes: 64 << 20), stores: 1, merging: nil)
    options.readOnly = true
    let store = try Store(path: directory, options)
    return try PartitionTask.position(in: store)?.offset ?? 0
  }

  /// Copies all files to a new directory and describes them.
  static func copy(_ source: String, to target: String, offset: Int64) throws(Failure) {
    try DurableFile.makeDirectory(target)
    var manifest = Manifest(offset: offset, files: [])
    for name in DurableFile.list(source) where name != "LOCK" && name != "manifest.json" {
      let (bytes, check) = try copy("\(source)/\(name)", to: "\(target)/\(name)")
      manifest.files.append(Manifest.File(name: name, bytes: bytes, crc32c: check))
    }
    try write(manifest, to: target)
  }

  /// Describes files where they stand, after they are on the disk.
  static func describe(_ directory: String, offset: Int64) throws(Failure) {
    var manifest = Manifest(offset: offset, files: [])
    for name in DurableFile.list(directory) where name != "LOCK" && name != "manifest.json" {
      let (bytes, check) = try checksum("\(directory)/\(name)", syncs: true)
      manifest.files.append(Manifest.File(name: name, bytes: bytes, crc32c: check))
    }
    try write(manifest, to: directory)
  }

  /// - Errors: `.corrupt` when anything is not as it was written.
  static func check(_ directory: String) throws(Failure) -> Manifest {
    let manifest = try manifest(of: directory)
    for file in manifest.files {
      let (bytes, check) = try checksum("\(directory)/\(file.name)", syncs: false)
      try compare(file, bytes, check, directory)
    }
    return manifest
  }

  /// Copies the files to a new directory, checking each.
  static func copyChecked(_ source: String, to target: String) throws(Failure) {
    let manifest = try manifest(of: source)
    try DurableFile.makeDirectory(target)
    for file in manifest.files {
      let (bytes, check) = try copy("\(source)/\(file.name)", to: "\(target)/\(file.name)")
      try compare(file, bytes, check, source)
    }
  }

  /// As `copyChecked`, except that tables, which are never written again, are linked and not copied.
  static func linkChecked(_ source: String, to target: String) throws(Failure) {
    let manifest = try check(source)
    try DurableFile.makeDirectory(target)
    for file in manifest.files {
      let (from, to) = ("\(source)/\(file.name)", "\(target)/\(file.name)")
      if file.name.hasSuffix(".sst"), link(from, to) == 0 { continue }
      _ = try copy(from, to: to)
    }
    try DurableFile.syncDirectory(of: "\(target)/.")
  }

  /// Puts a state in the place of another. Killed on the way, `finishExchange` knows what was meant.
  static func exchange(_ state: String, _ incoming: String) throws(Failure) {
    if FileManager.default.fileExists(atPath: state), rename(state, "\(state).old") != 0 {
      throw DurableFile.failed("rename", state)
    }
    try DurableFile.renameDirectory(incoming, to: state)
    try? FileManager.default.removeItem(atPath: "\(state).old")
  }

  /// A state that was being exchanged when the process died.
  static func finishExchange(_ state: String) {
    if !FileManager.default.fileExists(atPath: state) { rename("\(state).old", state) }
    try? FileManager.default.removeItem(atPath: "\(state).old")
    try? FileManager.default.removeItem(atPath: "\(state).incoming")
  }

  private static func manifest(of directory: String) throws(Failure) -> Manifest {
    guard let text = try DurableFile.read("\(directory)/manifest.json") else { throw .corrupt("it has no manifest") }
    let manifest: Manifest
    do { manifest = try JSONDecoder().decode(Manifest.self, from: Data(text.utf8)) } catch {
      throw .corrupt("its manifest cannot be read: \(error)")
    }
    guard manifest.format == 1 else { throw .corrupt("its format is \(manifest.format), not 1") }
    for file in manifest.files where file.name.contains("/") { throw .corrupt("its manifest names \(file.name)") }
    return manifest
  }

  private static func write(_ manifest: Manifest, to directory: String) throws(Failure) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    guard let encoded = try? encoder.encode(manifest) else { preconditionFailure("a manifest does not encode") }
    try DurableFile.write(String(decoding: encoded, as: UTF8.self) + "\n", to: "\(directory)/manifest.json")
  }

  private static func compare(
    _ file: Manifest.File, _ bytes: Int, _ check: UInt32, _ directory: String
  ) throws(Failure) {
    guard bytes == file.bytes, check == file.crc32c else {
      throw .corrupt(
        "\(directory)/\(file.name) has \(bytes) bytes and another content than the \(file.bytes) that were written")
    }
  }

  /// Bytes and CRC-32C of what was copied and synced.
  private static func copy(_ source: String, to target: String) throws(Failure) -> (Int, UInt32) {
    let to = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard to >= 0 else { throw DurableFile.failed("create", target) }
    defer { close(to) }
    let result = try read(source, syncs: false) { (bytes) throws(Failure) in
      var written = 0
      while written < bytes.count {
        let step = Glibc.write(to, bytes.baseAddress! + written, bytes.count - written)
        guard step > 0 else { throw DurableFile.failed("write", target) }
        written += step
      }
    }
    guard fsync(to) == 0 else { throw DurableFile.failed("sync", target) }
    return result
  }

  private static func checksum(_ path: String, syncs: Bool) throws(Failure) -> (Int, UInt32) {
    try read(path, syncs: syncs) { (_) throws(Failure) in }
  }

  private static func read(
    _ path: String, syncs: Bool, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) -> (Int, UInt32) {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw DurableFile.failed("open", path) }
    defer { close(file) }
    let capacity = 1 << 20
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    defer { buffer.deallocate() }
    var (bytes, check): (Int, UInt32) = (0, 0)
    while true {
      let count = Glibc.read(file, buffer, capacity)
      guard count >= 0 else { throw DurableFile.failed("read", path) }
      guard count > 0 else { break }
      let part = UnsafeRawBufferPointer(start: buffer, count: count)
      check = Checksum.crc32c(part, after: check)
      try body(part)
      bytes += count
    }
    if syncs, fsync(file) != 0 { throw DurableFile.failed("sync", path) }
    return (bytes, check)
  }
}

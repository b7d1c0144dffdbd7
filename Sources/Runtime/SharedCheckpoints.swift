import Basics
import Foundation
import Logs
import Stores

/// Copies of partitions' states in a directory that all instances see, so that state follows a partition to its next owner,
/// who reads the tail from the log.
///
/// - Layout: `DIGEST/start-S/p-007/OFFSET/` with RocksDB's files and `manifest.json`, which is there when all else is. States
///   of one meaning that began at one offset of their log are interchangeable; the largest offset is the best.
/// - Every file is checked against the manifest when it is fetched; a damaged copy is passed over for an older one.
public struct SharedCheckpoints: Sendable {
  /// How many of a partition are kept.
  private static let kept = 2

  private struct Manifest: Codable {
    var format = 1
    var offset: Int64
    var files: [File]

    struct File: Codable {
      var name: String
      var bytes: Int
      var crc32c: UInt32
    }
  }

  private let directory: String
  private let report: @Sendable (String) -> Void

  /// - `report`: told of copies that could not be used.
  public init(_ path: String, digest: String, report: @escaping @Sendable (String) -> Void) {
    directory = "\(path)/\(digest)"
    self.report = report
  }

  /// The least offset at which a stored state of the partition began; nil when there is none.
  func start(partition: Int) -> Int64? {
    DurableFile.list(directory).compactMap { name -> Int64? in
      guard name.hasPrefix("start-"), let start = Int64(name.dropFirst(6)) else { return nil }
      return offsets(partition, start).isEmpty ? nil : start
    }.min()
  }

  /// Copies the state as it stands, unless the same is there already. `scratch` is a directory of the store's file system.
  func save(_ store: Store, partition: Int, start: Int64, scratch: String) throws(Failure) {
    let local = "\(scratch)/checkpoint-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: local) }
    try store.checkpoint(to: local)
    // What it stands for is read from it: commits went on while it was made.
    let offset = try SharedCheckpoints.offset(of: local)
    let parent = parent(partition, start)
    let final = "\(parent)/\(SharedCheckpoints.name(offset))"
    guard offset > 0, !FileManager.default.fileExists(atPath: "\(final)/manifest.json") else { return }
    try SharedCheckpoints.makeDirectories(parent)
    let temporary = "\(final).\(UUID().uuidString).tmp"
    defer { try? FileManager.default.removeItem(atPath: temporary) }
    try DurableFile.makeDirectory(temporary)
    var manifest = Manifest(offset: offset, files: [])
    for name in DurableFile.list(local) where name != "LOCK" {
      let (bytes, check) = try SharedCheckpoints.copy("\(local)/\(name)", to: "\(temporary)/\(name)")
      manifest.files.append(Manifest.File(name: name, bytes: bytes, crc32c: check))
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    guard let encoded = try? encoder.encode(manifest) else { preconditionFailure("a manifest does not encode") }
    try DurableFile.write(String(decoding: encoded, as: UTF8.self) + "\n", to: "\(temporary)/manifest.json")
    // Another instance may have been first with the same offset, hence the same state.
    if rename(temporary, final) != 0, errno != ENOTEMPTY, errno != EEXIST {
      throw DurableFile.failed("rename", temporary)
    }
    for old in offsets(partition, start).dropLast(SharedCheckpoints.kept) {
      try? FileManager.default.removeItem(atPath: "\(parent)/\(SharedCheckpoints.name(old))")
    }
  }

  /// The largest offset there is a copy of.
  func newest(partition: Int, start: Int64) -> Int64? { offsets(partition, start).last }

  /// Puts the newest copy that is further than `offset` where the state belongs; false when there is none.
  func fetch(partition: Int, start: Int64, furtherThan offset: Int64, into state: String) throws(Failure) -> Bool {
    for candidate in offsets(partition, start).reversed() where candidate > offset {
      let source = "\(parent(partition, start))/\(SharedCheckpoints.name(candidate))"
      let incoming = "\(state).incoming"
      try? FileManager.default.removeItem(atPath: incoming)
      do throws(Failure) {
        try SharedCheckpoints.copyChecked(source, to: incoming)
      } catch {
        report("checkpoint \(source) cannot be used: \(error.message)")
        continue
      }
      try SharedCheckpoints.exchange(state, incoming)
      return true
    }
    return false
  }

  /// A state that was being exchanged when the process died.
  static func finishExchange(_ state: String) {
    if !FileManager.default.fileExists(atPath: state) { rename("\(state).old", state) }
    try? FileManager.default.removeItem(atPath: "\(state).old")
    try? FileManager.default.removeItem(atPath: "\(state).incoming")
  }

  private static func exchange(_ state: String, _ incoming: String) throws(Failure) {
    if FileManager.default.fileExists(atPath: state), rename(state, "\(state).old") != 0 {
      throw DurableFile.failed("rename", state)
    }
    guard rename(incoming, state) == 0 else { throw DurableFile.failed("rename", incoming) }
    try? FileManager.default.removeItem(atPath: "\(state).old")
  }

  private func parent(_ partition: Int, _ start: Int64) -> String {
    "\(directory)/start-\(start)/p-\(partition)"
  }

  /// Zeros in front, so that names sort as offsets do.
  private static func name(_ offset: Int64) -> String {
    let digits = String(offset)
    return String(repeating: "0", count: 20 - digits.count) + digits
  }

  /// Of complete copies, ascending.
  private func offsets(_ partition: Int, _ start: Int64) -> [Int64] {
    let parent = parent(partition, start)
    return DurableFile.list(parent).compactMap { name -> Int64? in
      guard name.count == 20, let offset = Int64(name),
        FileManager.default.fileExists(atPath: "\(parent)/\(name)/manifest.json")
      else { return nil }
      return offset
    }
  }

  private static func offset(of directory: String) throws(Failure) -> Int64 {
    var options = Store.Options(budget: MemoryBudget(bytes: 64 << 20), stores: 1, merging: nil)
    options.readOnly = true
    let store = try Store(path: directory, options)
    return try PartitionTask.position(in: store)?.offset ?? 0
  }

  private static func makeDirectories(_ path: String) throws(Failure) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw .unavailable("cannot create \(path): \(error.localizedDescription)")
    }
  }

  private static func copyChecked(_ source: String, to target: String) throws(Failure) {
    guard let text = try DurableFile.read("\(source)/manifest.json") else { throw .corrupt("it has no manifest") }
    let manifest: Manifest
    do { manifest = try JSONDecoder().decode(Manifest.self, from: Data(text.utf8)) } catch {
      throw .corrupt("its manifest cannot be read: \(error)")
    }
    guard manifest.format == 1 else { throw .corrupt("its format is \(manifest.format), not 1") }
    try DurableFile.makeDirectory(target)
    for file in manifest.files {
      guard !file.name.contains("/") else { throw .corrupt("its manifest names \(file.name)") }
      let (bytes, check) = try copy("\(source)/\(file.name)", to: "\(target)/\(file.name)")
      guard bytes == file.bytes, check == file.crc32c else {
        throw .corrupt("\(file.name) has \(bytes) bytes and another content than the \(file.bytes) that were written")
      }
    }
  }

  /// Bytes and CRC-32C of what was copied and synced.
  private static func copy(_ source: String, to target: String) throws(Failure) -> (Int, UInt32) {
    let from = open(source, O_RDONLY | O_CLOEXEC)
    guard from >= 0 else { throw DurableFile.failed("open", source) }
    defer { close(from) }
    let to = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard to >= 0 else { throw DurableFile.failed("create", target) }
    defer { close(to) }
    let capacity = 1 << 20
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    defer { buffer.deallocate() }
    var (bytes, check): (Int, UInt32) = (0, 0)
    while true {
      let count = read(from, buffer, capacity)
      guard count >= 0 else { throw DurableFile.failed("read", source) }
      guard count > 0 else { break }
      check = Checksum.crc32c(UnsafeRawBufferPointer(start: buffer, count: count), after: check)
      var written = 0
      while written < count {
        let step = write(to, buffer + written, count - written)
        guard step > 0 else { throw DurableFile.failed("write", target) }
        written += step
      }
      bytes += count
    }
    guard fsync(to) == 0 else { throw DurableFile.failed("sync", target) }
    return (bytes, check)
  }
}

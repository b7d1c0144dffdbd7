import Basics
import Events
import Foundation
import Glibc
import Logs
import Settings

/// Appends the history in files to the embedded log: stamped with max(previous stamp of the partition, the event's time),
/// routed by user.
///
/// A journal beside the log says what is being imported and where each partition ended before, so an import that was killed
/// goes on behind the last record that is durable: the merged order is the same every time.
public struct Import {
  public struct Result: Sendable {
    public var appended: Int64
    /// Records an interrupted run had appended already.
    public var resumedAfter: Int64
    /// The same files were imported before: nothing was done.
    public var wasDone: Bool
  }

  private struct Journal: Codable, Equatable {
    struct File: Codable, Equatable {
      var path: String
      var bytes: Int64
      var modified: Int64
    }

    var files: [File]
    var ends: [Int64]
    var lastStamps: [Int64]
  }

  private let log: SegmentLog
  private let paths: [String]
  private let horizon: Int64
  private let allowLate: Bool

  /// - `horizon`: milliseconds behind its stamp past which a record is late.
  public init(_ log: SegmentLog, paths: [String], horizon: Int64, allowLate: Bool) {
    self.log = log
    self.paths = paths
    self.horizon = horizon
    self.allowLate = allowLate
  }

  private static func directory(_ log: SegmentLog) -> String { "\(log.directory)/\(log.topic)-imports" }
  private static func journalPath(_ log: SegmentLog) -> String { "\(directory(log))/unfinished.json" }

  /// The files of an import that was interrupted and not finished yet. Until it is, nothing else may be appended.
  public static func unfinished(_ log: SegmentLog) throws(Failure) -> [String]? {
    guard let text = try DurableFile.read(journalPath(log)) else { return nil }
    return try decode(text, journalPath(log)).files.map(\.path)
  }

  /// - `progress`: told bytes done, bytes in all if known, and records so far, every few thousand records.
  /// - Errors: `.invalid` when a record would be late (unless allowed), or another import is unfinished; nothing was appended.
  public func run(
    progress: (_ done: Int64, _ total: Int64?, _ records: Int64) -> Void
  ) throws(Failure) -> Result {
    let files = try identities()
    let isDoneFile = "\(Import.directory(log))/\(Import.name(files)).done"
    if try DurableFile.read(isDoneFile) != nil {
      // Killed between its last two steps, it left the journal, which would hold up every other import.
      if try Import.unfinished(log) == files.map(\.path) { unlink(Import.journalPath(log)) }
      return Result(appended: 0, resumedAfter: 0, wasDone: true)
    }
    let journal = try journal(files, progress)
    var skip: [Int64] = []
    for partition in 0..<log.partitionCount {
      skip.append(try log.endOffset(partition: partition)! - journal.ends[partition])
    }
    let resumed = skip.reduce(0, +)
    let appender = LogAppender(log, lastStamps: journal.lastStamps)
    try each(progress) { (record) throws(Failure) in
      let partition = Int(record.partitionHash % UInt32(log.partitionCount))
      let stamp = appender.stamp(record.time ?? .min, partition: partition)
      if skip[partition] > 0 {
        skip[partition] -= 1
      } else {
        try appender.append(record.bytes, stamp: Import.known(stamp), partition: partition)
      }
    }
    guard skip.allSatisfy({ $0 == 0 }) else {
      throw .invalid("the log holds more than these files say: something else was appended during the import")
    }
    try appender.finish()
    if !paths.contains("-") { try DurableFile.write("imported\n", to: isDoneFile) }
    unlink(Import.journalPath(log))
    return Result(appended: appender.appended, resumedAfter: resumed, wasDone: false)
  }

  /// A partition's first records may all be unusable and so have no time: they get the least time an event can have,
  /// 0001-01-01.
  private static func known(_ stamp: Int64) -> Int64 { max(stamp, -62_135_596_800_000) }

  private func journal(
    _ files: [Journal.File], _ progress: (Int64, Int64?, Int64) -> Void
  ) throws(Failure) -> Journal {
    let path = Import.journalPath(log)
    if let text = try DurableFile.read(path) {
      let journal = try Import.decode(text, path)
      guard journal.files == files else {
        throw .invalid(
          "an import of \(journal.files.map(\.path).joined(separator: " ")) was interrupted: run the same import, on "
            + "unchanged files, to finish it first")
      }
      return journal
    }
    if !allowLate { try checkLate(progress) }
    try DurableFile.makeDirectory(Import.directory(log))
    var ends: [Int64] = []
    for partition in 0..<log.partitionCount { ends.append(try log.endOffset(partition: partition)!) }
    let journal = Journal(
      files: files, ends: ends, lastStamps: (0..<log.partitionCount).map { log.lastStamp(partition: $0) ?? .min })
    // What is read from a pipe cannot be read again, so there is nothing to go on with.
    if paths.contains("-") { return journal }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let encoded = try? encoder.encode(journal) else { preconditionFailure("a journal does not encode") }
    try DurableFile.write(String(decoding: encoded, as: UTF8.self) + "\n", to: path)
    return journal
  }

  private func checkLate(_ progress: (Int64, Int64?, Int64) -> Void) throws(Failure) {
    guard !paths.contains("-") else {
      throw .invalid(
        "standard input can be read once only, so it cannot be checked for late records first: add --allow-late, or import "
          + "a file")
    }
    let appender = LogAppender(log)
    var late: Int64 = 0
    var records: Int64 = 0
    var example: (record: Int64, behind: Int64)?
    try each(progress) { record in
      records += 1
      guard let time = record.time else { return }
      let behind = appender.stamp(time, partition: Int(record.partitionHash % UInt32(log.partitionCount))) - time
      if behind > horizon {
        late += 1
        if example == nil { example = (records, behind) }
      }
    }
    guard let example else { return }
    throw .invalid(
      "\(late) of \(records) records would be late: more than \(Durations.text(horizon)) behind what is in the log or "
        + "before them in the files (the first is record \(example.record), \(example.behind / Timestamp.hour) hours behind). "
        + "Nothing was appended. Import them into an empty log, sort the files by time, raise --horizon with the topology's, "
        + "or add --allow-late to have them listed as late")
  }

  private func each(
    _ progress: (Int64, Int64?, Int64) -> Void, _ body: (TimeMergedFiles.Record) throws(Failure) -> Void
  ) throws(Failure) {
    let files = try FileLog(paths: paths, shape: .keyed)
    let merged = try TimeMergedFiles(files)
    var records: Int64 = 0
    while let record = try merged.next() {
      try body(record)
      records += 1
      if records % 4_096 == 0 {
        let (done, total) = (files.progress.consumed, files.progress.total)
        progress(done, total, records)
      }
    }
  }

  private func identities() throws(Failure) -> [Journal.File] {
    var files: [Journal.File] = []
    for path in paths {
      if path == "-" {
        files.append(Journal.File(path: path, bytes: 0, modified: 0))
        continue
      }
      var status = stat()
      guard stat(path, &status) == 0 else { throw DurableFile.failed("read", path) }
      let absolute = path.hasPrefix("/") ? path : "\(DurableFile.workingDirectory)/\(path)"
      files.append(
        Journal.File(
          path: absolute, bytes: Int64(status.st_size),
          modified: Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)))
    }
    return files
  }

  private static func name(_ files: [Journal.File]) -> String {
    Events.digest(files.map { "\($0.path)\n\($0.bytes)\n\($0.modified)\n" }.joined()).hexadecimal
  }

  private static func decode(_ text: String, _ path: String) throws(Failure) -> Journal {
    do { return try JSONDecoder().decode(Journal.self, from: Data(text.utf8)) } catch {
      throw .corrupt("\(path) cannot be read: \(error)")
    }
  }
}

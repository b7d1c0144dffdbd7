import Basics
import Glibc

extension SegmentLog {
  /// The lock goes with the process, however that ends; the pid inside is only for the message.
  static func takeLock(_ directory: String) throws(Failure) -> OpenFile {
    let file = try OpenFile("\(directory)/lock", flags: O_RDWR | O_CREAT)
    guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let pid = try file.text().prefix { $0.isNumber }
      throw .unavailable(
        "\(directory): the log is being written by process \(pid.isEmpty ? "(unknown)" : String(pid)); stop that process, or "
          + "send events to it")
    }
    try file.cut(to: 0)
    let text = Array("\(getpid())\n".utf8)
    _ = pwrite(file.descriptor, text, text.count, 0)
    return file
  }

  static func identify(_ directory: String, partitions: Int?, readOnly: Bool) throws(Failure) -> LogIdentity {
    if let found = try LogIdentity.read(directory: directory) {
      guard partitions == nil || partitions == found.partitions else {
        throw .invalid(
          "\(directory): the log has \(found.partitions) partitions, not \(partitions!): the count is part of what it is; set "
            + "`partitions: \(found.partitions)`, or import the log into a new directory with \(partitions!)")
      }
      return found
    }
    guard !readOnly else { throw .invalid("\(directory): there is no log here; name the directory of one") }
    guard let partitions else {
      throw .invalid("\(directory): there is no log here yet; say how many partitions it is to have")
    }
    guard (1...65_536).contains(partitions) else {
      throw .invalid("\(directory): a log has 1 to 65536 partitions, not \(partitions)")
    }
    let identity = LogIdentity(partitions: partitions)
    try identity.write(directory: directory)
    return identity
  }
}

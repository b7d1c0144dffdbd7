import Basics
import Glibc
import Runtime
import Synchronization

/// Who may come in: the keys of a file as it is now, and how much each of them has collected lately.
///
/// Where there has never been a key everybody may do everything, so such a server is only for this machine. Once there was one,
/// the door stays shut whatever becomes of the file.
public final class KeyRing: Sendable {
  /// A key that was shown and is known.
  struct Holder: Sendable {
    var id: String
    var role: APIKey.Role
    var eventsPerSecond: Int?
  }

  private struct Known {
    var key: APIKey
    var hash: [UInt8]
  }

  private struct State {
    var keys: [Known]?
    var seen: FileStamp?
    var lookedAt: Int64 = .min
    var buckets: [String: Bucket] = [:]
  }

  /// What tells one content of a file from another.
  private struct FileStamp: Equatable {
    var inode: UInt64
    var seconds: Int
    var nanoseconds: Int
    var bytes: Int64
  }

  /// Events that may be collected now; below zero, what has to be waited for.
  private struct Bucket {
    var events: Double
    var at: Int64
  }

  private let file: KeyFile
  /// How often the file is looked at.
  private let lookMilliseconds: Int64
  private let peerHash: [UInt8]?
  private let state = Mutex(State())
  private let report: @Sendable (String) -> Void

  /// - `peerKey`: the secret of the instances of a group.
  /// - `lookMilliseconds`: how often the file is looked at, when somebody comes.
  /// - Errors: `.corrupt` for a file that is none of keys.
  public init(
    _ file: KeyFile, peerKey: String?, lookMilliseconds: Int64 = 500,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(Failure) {
    self.file = file
    self.lookMilliseconds = lookMilliseconds
    self.report = report
    peerHash = peerKey.map { APIKey.sha256($0) }
    let stamp = KeyRing.stamp(file.path)
    let keys = try file.read()
    state.withLock { state in
      state.seen = stamp
      state.keys = keys.map(KeyRing.known)
    }
  }

  /// Whether keys are asked for.
  public var isOpen: Bool {
    look()
    return state.withLock { $0.keys == nil }
  }

  /// The key of that text; nil when there is none.
  func holder(of text: String) -> Holder? {
    look()
    let hash = APIKey.sha256(text)
    return state.withLock { state in
      var found: APIKey?
      // All of them, whichever it is.
      for known in state.keys ?? [] where APIKey.areEqual(known.hash, hash) { found = known.key }
      return found.map { Holder(id: $0.id, role: $0.role, eventsPerSecond: $0.eventsPerSecond) }
    }
  }

  func isPeer(_ text: String) -> Bool { peerHash.map { APIKey.areEqual($0, APIKey.sha256(text)) } ?? false }

  /// Seconds until the holder may collect more; nil: now.
  func wait(_ holder: Holder, now: Int64 = monotonicMilliseconds()) -> Int? {
    guard let rate = holder.eventsPerSecond else { return nil }
    return state.withLock { state in
      let bucket = KeyRing.refilled(state.buckets[holder.id], rate, now)
      state.buckets[holder.id] = bucket
      return bucket.events > 0 ? nil : max(1, Int((-bucket.events / Double(rate)).rounded(.up)))
    }
  }

  func spend(_ holder: Holder, events: Int, now: Int64 = monotonicMilliseconds()) {
    guard let rate = holder.eventsPerSecond else { return }
    state.withLock { state in
      var bucket = KeyRing.refilled(state.buckets[holder.id], rate, now)
      bucket.events -= Double(events)
      state.buckets[holder.id] = bucket
    }
  }

  /// Two seconds' worth may come at once.
  private static func refilled(_ bucket: Bucket?, _ rate: Int, _ now: Int64) -> Bucket {
    guard let bucket else { return Bucket(events: Double(rate) * 2, at: now) }
    let more = Double(now - bucket.at) / 1_000 * Double(rate)
    return Bucket(events: min(Double(rate) * 2, bucket.events + more), at: now)
  }

  /// Follows the file. What cannot be read changes nothing, and is said.
  private func look() {
    let now = monotonicMilliseconds()
    let isDue = state.withLock { state in
      guard lookMilliseconds == 0 || state.lookedAt <= now - lookMilliseconds else { return false }
      state.lookedAt = now
      return true
    }
    guard isDue, let stamp = KeyRing.stamp(file.path), stamp != state.withLock({ $0.seen }) else { return }
    do throws(Failure) {
      guard let keys = try file.read() else { return }
      state.withLock { state in
        state.keys = KeyRing.known(keys)
        state.seen = stamp
      }
    } catch {
      state.withLock { $0.seen = stamp }
      report("\(error.message): the keys known before still count")
    }
  }

  private static func known(_ keys: [APIKey]) -> [Known] {
    keys.compactMap { key in key.hash.map { Known(key: key, hash: $0) } }
  }

  private static func stamp(_ path: String) -> FileStamp? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return FileStamp(
      inode: UInt64(status.st_ino), seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
      bytes: Int64(status.st_size))
  }
}

import Basics
import Foundation
import Glibc

/// The directory all state is under. One process owns it at a time.
///
/// - Layout: `millrace.json` (format version), `lock` (the owner's pid), `topologies/NAME/current`,
///   `topologies/NAME/gen-N/...`, `dashboards/`, and unless configured otherwise `log/`.
public final class DataDirectory: Sendable {
  public static let format = 1

  public let path: String
  private let lock: Int32
  /// Held while generations change: several threads of a server may ask for it.
  private let changes = NSRecursiveLock()

  /// - Errors: `.unavailable` when another process owns it; `.invalid` for a newer format, or, with `create` false, when there
  ///   is nothing.
  public init(_ path: String, create: Bool) throws(Failure) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
    if create {
      try DurableFile.makeDirectory(path)
    } else if access(path, F_OK) != 0 {
      throw .invalid("there is no data directory \(path): 'millrace run' or 'millrace serve' makes one")
    }
    lock = try DataDirectory.lock(path)
    // From here on `deinit` closes the lock, also when this throws.
    try checkFormat(create: create)
    // The lock is ours, so what is half made or half gone is nobody's work.
    for name in DurableFile.list("\(path)/topologies") { Generations(self, of: name).sweep() }
  }

  /// For those who only look: without a lock, so what is read may change meanwhile.
  init(lookingAt path: String) {
    self.path = path
    lock = -1
  }

  deinit { close(lock) }

  private static func lock(_ path: String) throws(Failure) -> Int32 {
    let file = open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw DurableFile.failed("open", "\(path)/lock") }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      let owner = ((try? DurableFile.read("\(path)/lock")) ?? nil)?.split(separator: "\n").first.map(String.init)
      close(file)
      throw .unavailable(
        "\(path) is in use by process \(owner ?? "unknown"): stop it, or ask it instead with --server URL")
    }
    _ = ftruncate(file, 0)
    let pid = Array("\(getpid())\n".utf8)
    _ = pwrite(file, pid, pid.count, 0)
    return file
  }

  func checkFormat(create: Bool) throws(Failure) {
    let file = "\(path)/millrace.json"
    guard let text = try DurableFile.read(file) else {
      guard create || DurableFile.list("\(path)/topologies").isEmpty else {
        throw .invalid("\(file) is missing: \(path) is not a data directory, or was damaged")
      }
      if create { try DurableFile.write("{\"format\":\(DataDirectory.format)}\n", to: file) }
      return
    }
    let digits = text.filter(\.isNumber)
    guard let format = Int(digits) else { throw .corrupt("\(file): no format number in it") }
    guard format <= DataDirectory.format else {
      throw .invalid(
        "\(path) has format \(format), this program knows \(DataDirectory.format): use the newer program that wrote it")
    }
  }

  /// One change of generations at a time.
  func changing<R>(_ body: () throws(Failure) -> R) throws(Failure) -> R {
    changes.lock()
    defer { changes.unlock() }
    return try body()
  }

  /// Names of topologies with a generation.
  public var topologies: [String] {
    DurableFile.list("\(path)/topologies").filter { access("\(path)/topologies/\($0)/current", F_OK) == 0 }
  }

  func directory(of topology: String) -> String { "\(path)/topologies/\(topology)" }

  /// The number of the generation that is served; nil when there is none.
  func currentGeneration(of topology: String) throws(Failure) -> Int? {
    let file = "\(directory(of: topology))/current"
    guard let text = try DurableFile.read(file) else { return nil }
    guard let number = Int(text.filter { !$0.isWhitespace }) else { throw .corrupt("\(file): '\(text)' is no number") }
    return number
  }

  /// The topology meant when none is named: the only one, or the only one with the view.
  public func topology(named name: String?, view: String?) throws(Failure) -> String {
    let all = topologies
    if let name {
      guard all.contains(name) else {
        throw .invalid(
          "\(path) holds no topology '\(name)'; it holds \(all.isEmpty ? "none" : all.joined(separator: ", "))")
      }
      return name
    }
    guard !all.isEmpty else { throw .invalid("\(path) holds no topology yet: 'millrace run TOPOLOGY.yaml' makes one") }
    if all.count == 1 { return all[0] }
    if let view {
      var having: [String] = []
      for name in all where try Generation.load(self, topology: name).topology.view(named: view) != nil {
        having.append(name)
      }
      if having.count == 1 { return having[0] }
    }
    throw .invalid("\(path) holds several topologies: \(all.joined(separator: ", ")); name one with --topology")
  }
}

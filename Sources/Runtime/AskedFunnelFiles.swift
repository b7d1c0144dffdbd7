import Basics
import Foundation

/// What of asked funnels outlives a process.
public struct AskedFunnelFiles: Sendable {
  private let directory: String

  /// - `directory`: of all of them.
  public init(_ directory: String) { self.directory = directory }

  public init(_ data: DataDirectory) { self.init("\(data.path)/funnels") }

  private func path(_ id: String) -> String { "\(directory)/\(id)" }

  /// Where one is computed.
  public func work(_ id: String) -> String { "\(path(id))/work" }

  private struct Failed: Codable {
    var kind: String
    var message: String
    var at: Int64
  }

  /// All that are there, those done in the order in which they were; removes what cannot be gone on with. Only for whoever
  /// owns the data directory.
  func sweep() -> [(id: String, asked: AskedFunnel, isDone: Bool)] {
    var found: [(id: String, asked: AskedFunnel, isDone: Bool, at: Int64)] = []
    for id in DurableFile.list(directory) {
      // What another program understood otherwise is asked again by whoever wants it.
      guard let asked: AskedFunnel = try? read("\(path(id))/question.json"), (try? asked.id()) == id else {
        remove(id)
        continue
      }
      let failed: Failed? = (try? read("\(path(id))/failure.json")) ?? nil
      let result = (try? self.result(id)) ?? nil
      let at = failed?.at ?? result?.computedAt
      found.append((id, asked, at != nil, at ?? asked.askedAt))
    }
    return found.sorted { $0.at < $1.at }.map { ($0.id, $0.asked, $0.isDone) }
  }

  /// Notes that it is to be computed.
  public func begin(_ id: String, _ asked: AskedFunnel) throws(Failure) {
    try DurableFile.makeDirectory(path(id))
    unlink("\(path(id))/failure.json")
    try DurableFile.write(Generations.json(asked), to: "\(path(id))/question.json")
  }

  public func result(_ id: String) throws(Failure) -> FunnelResult? { try read("\(path(id))/result.json") }

  func failure(_ id: String) -> Failure? {
    guard let failed: Failed = (try? read("\(path(id))/failure.json")) ?? nil else { return nil }
    return Failure(Failure.Kind(rawValue: failed.kind) ?? .unavailable, failed.message)
  }

  public func finish(_ id: String, _ result: FunnelResult) throws(Failure) {
    try DurableFile.write(Generations.json(result), to: "\(path(id))/result.json")
    removeTree(work(id))
  }

  func fail(_ id: String, _ failure: Failure) {
    let failed = Failed(kind: failure.kind.rawValue, message: failure.message, at: wallMilliseconds())
    // The disk may be what was wrong; then it is begun again after a restart.
    try? DurableFile.write(Generations.json(failed), to: "\(path(id))/failure.json")
    removeTree(work(id))
  }

  func remove(_ id: String) {
    // The question last: what is half removed is removed by the next process.
    removeTree(work(id))
    removeTree(path(id))
  }

  private func read<Value: Decodable>(_ file: String) throws(Failure) -> Value? {
    guard let text = try DurableFile.read(file) else { return nil }
    do { return try JSONDecoder().decode(Value.self, from: Data(text.utf8)) } catch {
      throw .corrupt("\(file) cannot be read: \(error)")
    }
  }

  private func removeTree(_ path: String) { try? FileManager.default.removeItem(atPath: path) }
}

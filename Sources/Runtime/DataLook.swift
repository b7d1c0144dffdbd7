import Basics
import Dataflow
import Glibc
import Logs
import Stores

/// A data directory as it was found, by somebody who only looks: nothing is made, locked for others or changed.
public struct DataLook: Sendable {
  public struct Found: Sendable {
    public var topology: String
    public var number: Int
    public var directory: String
    public var generation: Generation?
    /// Why there is no `generation`.
    public var failure: Failure?
    public var partitions: [Partition] = []
  }

  public struct Partition: Sendable {
    public var number: Int
    /// Nil before the first commit, and when it was not looked at.
    public var position: LogPosition?
    public var failure: Failure?
  }

  public var isThere = true
  /// The process that has the directory open; states are then left alone.
  public var inUseBy: String?
  /// Why it cannot be looked into.
  public var failure: Failure?
  public var found: [Found] = []

  public init(_ path: String) {
    guard access(path, F_OK) == 0 else {
      isThere = false
      return
    }
    guard access(path, R_OK | X_OK) == 0 else {
      failure = DurableFile.failed("open", path)
      return
    }
    let data = DataDirectory(lookingAt: path)
    do throws(Failure) { try data.checkFormat(create: false) } catch {
      failure = error
      return
    }
    // Kept until the end: whoever opens the states for writing waits for nobody who reads them.
    let lock = open("\(path)/lock", O_RDONLY | O_CLOEXEC)
    defer { if lock >= 0 { close(lock) } }
    if lock >= 0, flock(lock, LOCK_SH | LOCK_NB) != 0 {
      let owner = ((try? DurableFile.read("\(path)/lock")) ?? nil)?.split(separator: "\n").first.map(String.init)
      inUseBy = owner ?? "(unknown)"
    }
    for name in data.topologies { found.append(look(data, name)) }
  }

  private func look(_ data: DataDirectory, _ name: String) -> Found {
    var found = Found(topology: name, number: 0, directory: data.directory(of: name))
    do throws(Failure) {
      found.number = try data.currentGeneration(of: name) ?? 0
      found.directory += "/gen-\(found.number)"
      let generation = try Generation.load(data, topology: name)
      found.generation = generation
      found.partitions = partitions(of: generation)
    } catch {
      found.failure = error
    }
    return found
  }

  private func partitions(of generation: Generation) -> [Partition] {
    let budget = MemoryBudget(bytes: 64 << 20)
    return (0..<generation.partitionCount).map { number in
      var partition = Partition(number: number)
      guard inUseBy == nil,
        DurableFile.list("\(generation.partitionDirectory(number))/state").contains("CURRENT")
      else { return partition }
      do throws(Failure) {
        let store = try generation.openStore(number, budget: budget, readOnly: true)
        partition.position = try PartitionTask.position(in: store)
      } catch {
        partition.failure = error
      }
      return partition
    }
  }
}

import Basics
import Dataflow

/// A checkpoint that another generation may begin with: of the same meaning, log and partitions. Both are then the same
/// function of the same log, so what reading on from it gives is what reading everything gives.
public struct FittingCheckpoint: Sendable {
  /// Whose checkpoint it is.
  public let generation: Generation
  public let checkpoint: Checkpoints.Checkpoint

  /// By partition, where reading goes on.
  public var offsets: [Int64] { zip(checkpoint.offsets, generation.starts).map { $0 ?? $1 } }

  public var name: String { "checkpoint \(checkpoint.id) of generation \(generation.number)" }

  /// Puts the states where an empty generation has its own.
  func link(into empty: Generation) throws(Failure) {
    try Checkpoints(of: generation).link(checkpoint, into: empty)
  }
}

extension Generations {
  /// Checkpoints that a generation may begin with, the best first: those that know most of the past, and of these the furthest.
  func fitting(digest: String, _ input: BoundedRun.Input) throws(Failure) -> [FittingCheckpoint] {
    var found: [FittingCheckpoint] = []
    for listed in try all() {
      guard let generation = listed.generation, generation.digest == digest, generation.source == input.source,
        generation.partitionCount == input.partitionCount
      else { continue }
      for checkpoint in try Checkpoints(of: generation).list() {
        found.append(FittingCheckpoint(generation: generation, checkpoint: checkpoint))
      }
    }
    return found.sorted { one, other in
      let (a, b) = (one.generation.exactFrom ?? .min, other.generation.exactFrom ?? .min)
      return a == b ? one.offsets.reduce(0, +) > other.offsets.reduce(0, +) : a < b
    }
  }

  var noneFits: Failure {
    .invalid(
      "no generation of '\(topology)' that means the same has a checkpoint ('millrace checkpoint list \(topology)'): leave out "
        + "'--from checkpoint', and all of the log is read")
  }

  /// Makes the next generation with the best checkpoint that is not damaged.
  ///
  /// - Errors: `.invalid` when none fits; `.corrupt` when all that do are damaged.
  func create(
    _ file: (text: String, topology: Topology), beginningWith fitting: [FittingCheckpoint]
  ) throws(Failure) -> Generation {
    var failure = noneFits
    for candidate in fitting {
      do throws(Failure) {
        return try create(
          file.topology, text: file.text, source: candidate.generation.source, starts: candidate.generation.starts,
          stamps: candidate.generation.startStamps, from: candidate)
      } catch {
        guard error.kind == .corrupt else { throw error }
        failure = error
      }
    }
    throw failure
  }
}

import Basics
import Doctor
import Foundation
import Logs
import Runtime

/// Looks at the embedded logs of all topics that a topology reads, or, without topologies, of all there are.
struct EmbeddedLogLook {
  private(set) var logs: [SetupDescription.EmbeddedLog] = []
  private let place: Place

  init(_ place: Place, _ setup: SetupDescription, _ data: DataLook) {
    self.place = place
    let readers = setup.topologies.filter {
      ($0.generation.map { $0.origin == .embedded } ?? true) && $0.fileProblems.isEmpty
    }
    var topics = Set(readers.map(\.topic))
    if setup.topologies.isEmpty {
      let names = (try? FileManager.default.contentsOfDirectory(atPath: place.configuration.logPath)) ?? []
      topics.formUnion(names.filter { SegmentLog.exists(directory: place.configuration.logPath, topic: $0) })
    }
    for topic in topics.sorted() { logs.append(look(topic)) }
  }

  private func look(_ topic: String) -> SetupDescription.EmbeddedLog {
    let configured = place.configuration.log
    let directory = place.configuration.logPath
    var found = SetupDescription.EmbeddedLog(topic: topic, directory: "\(directory)/\(topic)")
    found.configuredPartitions = configured.partitions
    found.retentionAge = configured.retentionAge.milliseconds
    found.isThere = SegmentLog.exists(directory: directory, topic: topic)
    if found.isThere {
      do throws(Failure) { try look(into: &found) } catch { found.failure = error.message }
    }
    found.disk = SetupLook.disk(found.directory, reserve: configured.reserve, used: found.bytes)
    if let disk = found.disk { found.retentionSize = configured.retentionSize?.bytes(of: disk.totalBytes) }
    return found
  }

  private func look(into found: inout SetupDescription.EmbeddedLog) throws(Failure) {
    let log = try place.openLog(topic: found.topic, readOnly: true)
    found.bytes = Int64(log.byteCount)
    // While somebody writes, there is always something unfinished.
    if SegmentLog.writer(directory: place.configuration.logPath, topic: found.topic) == nil {
      found.unfinished = log.recovered
    }
    for number in 0..<log.partitionCount {
      var partition = SetupDescription.LogPartition(number: number)
      partition.start = log.startOffset(partition: number)
      partition.end = try log.endOffset(partition: number)
      partition.newest = log.lastStamp(partition: number)
      partition.damage = try log.damage(partition: number)
      if partition.damage == nil { partition.oldest = log.firstStamp(partition: number) }
      found.partitions.append(partition)
    }
  }

  /// Opening a reader at a position compares the record before it with what the state knows. By partition, of those that have
  /// one; what lies outside of the log is another finding.
  func readBack(_ found: DataLook.Found, topic: String) -> [Int: SetupDescription.PartitionState.ReadBack] {
    var results: [Int: SetupDescription.PartitionState.ReadBack] = [:]
    guard let looked = logs.first(where: { $0.topic == topic }), looked.partitions.count == found.partitions.count,
      let log = try? place.openLog(topic: topic, readOnly: true)
    else { return results }
    for partition in found.partitions {
      guard let position = partition.position, let start = looked.partitions[partition.number].start,
        let end = looked.partitions[partition.number].end, position.offset > start, position.offset <= end
      else { continue }
      do throws(Failure) {
        _ = try log.reader(partition: partition.number, from: position)
        results[partition.number] = .same
      } catch {
        results[partition.number] = error.kind == .corrupt ? .different(error.message) : .failed(error.message)
      }
    }
    return results
  }
}

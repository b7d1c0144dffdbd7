import Basics
import Dataflow
import Doctor
import Foundation
import Glibc
import Logs
import Runtime
import Settings

/// Looks at everything the configuration names, and writes down what is there.
struct SetupLook {
  private(set) var setup = SetupDescription()

  init(_ arguments: Arguments) {
    setup.now = wallMilliseconds()
    setup.configuration.file = arguments.text("config")
    do throws(Failure) {
      let place = try Place(arguments, warns: false)
      setup.configuration.warnings = place.configuration.warnings
      try look(place, arguments.positional.isEmpty ? place.configuration.topologies : arguments.positional)
    } catch {
      setup.configuration.problems = SetupLook.lines(error)
    }
  }

  static func lines(_ failure: Failure) -> [String] { failure.message.split(separator: "\n").map(String.init) }

  private mutating func look(_ place: Place, _ files: [String]) throws(Failure) {
    setup.configuration.connections = place.configuration.http.connections
    if let path = place.configuration.checkpoints?.path {
      var isDirectory: ObjCBool = false
      let isThere = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
      setup.configuration.checkpoints = .init(
        path: path, isThere: isThere, isWritable: isThere && access(path, W_OK | X_OK) == 0)
    }
    setup.machine.memoryBytes = Int64(clamping: Place.machineMemory)
    setup.machine.budgetBytes = Int64(place.memoryBytes)
    setup.machine.openFiles = SetupLook.openFiles
    let data = DataLook(place.configuration.data)
    self.data(data, place)
    topologies(files, data)
    if let options = place.kafka {
      setup.machine.fetchBytesPerPartition = KafkaLook.fetchBytesPerPartition(options)
      try kafka(options, data)
    } else {
      embedded(place, data)
    }
  }

  private static var openFiles: Int64 {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
    return Int64(clamping: limit.rlim_max)
  }

  private mutating func data(_ data: DataLook, _ place: Place) {
    setup.data.path = place.configuration.data
    setup.data.isThere = data.isThere
    setup.data.failure = data.failure?.message
    setup.data.inUseBy = data.inUseBy
    let used = data.found.reduce(0) { $0 + ($1.generation?.stateBytes ?? 0) }
    setup.data.disk = SetupLook.disk(place.configuration.data, reserve: nil, used: Int64(used))
  }

  /// Room where a path is or will be; nil when the system does not say.
  static func disk(_ path: String, reserve: Size?, used: Int64) -> SetupDescription.Disk? {
    var path = path
    var space = statvfs()
    while statvfs(path, &space) != 0 {
      guard path != ".", path != "/" else { return nil }
      let parent = (path as NSString).deletingLastPathComponent
      path = parent.isEmpty ? "." : parent
    }
    let total = Int64(clamping: UInt64(space.f_blocks) * UInt64(space.f_frsize))
    return SetupDescription.Disk(
      freeBytes: Int64(clamping: UInt64(space.f_bavail) * UInt64(space.f_frsize)), totalBytes: total,
      reserveBytes: reserve?.bytes(of: total) ?? 0, usedBytes: used)
  }

  private mutating func topologies(_ files: [String], _ data: DataLook) {
    for file in files { setup.topologies.append(topology(file)) }
    for found in data.found {
      let index =
        setup.topologies.firstIndex { $0.name == found.topology && $0.fileProblems.isEmpty } ?? setup.topologies.count
      if index == setup.topologies.count {
        var topology = SetupDescription.Topology(name: found.topology)
        if let frozen = found.generation?.topology { topology.take(frozen) }
        setup.topologies.append(topology)
      }
      setup.topologies[index].generation = generation(found)
    }
  }

  private func topology(_ file: String) -> SetupDescription.Topology {
    do throws(Failure) {
      let loaded = try Topology.load(path: file)
      _ = try Plan(loaded)
      var topology = SetupDescription.Topology(name: loaded.name)
      topology.file = file
      topology.digest = Semantics.digest(of: loaded)
      topology.take(loaded)
      return topology
    } catch {
      var topology = SetupDescription.Topology(name: (file as NSString).lastPathComponent)
      topology.file = file
      topology.fileProblems = SetupLook.lines(error)
      return topology
    }
  }

  private func generation(_ found: DataLook.Found) -> SetupDescription.Generation {
    var generation = SetupDescription.Generation(number: found.number, directory: found.directory)
    generation.failure = found.failure?.message
    guard let loaded = found.generation else { return generation }
    generation.digest = loaded.digest
    generation.topic = loaded.topology.source.topic
    generation.origin =
      switch loaded.source {
      case .log: .embedded
      case .kafka: .kafka
      case .files: .files
      }
    generation.partitionCount = loaded.partitionCount
    generation.partitions = found.partitions.map { partition in
      var state = SetupDescription.PartitionState(number: partition.number)
      state.start = loaded.starts[partition.number]
      state.offset = partition.position?.offset
      state.stopped = loaded.stopped(partition.number)
      state.failure = partition.failure?.message
      return state
    }
    return generation
  }

  /// The generations that were built from the log there is, and where in the setup they are.
  private func built(
    _ data: DataLook, from origin: SetupDescription.Origin
  ) -> [(index: Int, found: DataLook.Found, generation: Generation)] {
    data.found.compactMap { found in
      guard let generation = found.generation,
        let index = setup.topologies.firstIndex(where: { $0.name == found.topology && $0.generation?.origin == origin })
      else { return nil }
      return (index, found, generation)
    }
  }

  private mutating func embedded(_ place: Place, _ data: DataLook) {
    let look = EmbeddedLogLook(place, setup, data)
    setup.log = .embedded(look.logs)
    for (index, found, generation) in built(data, from: .embedded) {
      let results = look.readBack(found, topic: generation.topology.source.topic)
      note(results, at: index)
    }
  }

  private mutating func kafka(_ options: KafkaOptions, _ data: DataLook) throws(Failure) {
    let look = try KafkaTopicLook(options, setup)
    setup.log = .kafka(look.kafka, samples: look.samples)
    for (index, found, generation) in built(data, from: .kafka) {
      note(look.readBack(found, topic: generation.topology.source.topic), at: index)
    }
  }

  private mutating func note(_ results: [Int: SetupDescription.PartitionState.ReadBack], at index: Int) {
    for (partition, result) in results { setup.topologies[index].generation?.partitions[partition].readBack = result }
  }
}

extension SetupDescription.Topology {
  /// What the rules ask of a topology.
  fileprivate mutating func take(_ topology: Topology) {
    topic = topology.source.topic
    horizon = topology.source.horizonMilliseconds
    gap = topology.gapMilliseconds
    trustsProducerTime = topology.source.trustProducerTime
    trustsStamps = topology.source.trustStamps
    var retentions: [Int64?] = []
    for view in topology.views {
      switch view.kind {
      case .rollup(let rollup): retentions += rollup.grains.map(\.retentionMilliseconds)
      case .funnel(let funnel):
        retentions.append(funnel.retentionMilliseconds)
        within = max(within, funnel.withinMilliseconds)
      }
    }
    longestRetention = retentions.contains(nil) ? nil : retentions.compactMap { $0 }.max()
  }
}

import Basics
import Doctor
import Logs
import Settings
import Testing

/// A setup written down: `key = value` a line, later ones win. `*` stands for every topology, topic or partition named before.
struct WrittenSetup {
  private(set) var setup = SetupDescription()
  private var kafka = KafkaDescription(brokers: "")
  private var embedded: [SetupDescription.EmbeddedLog] = []
  private var samples: [SetupDescription.Sample] = []
  private var isKafka = false

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      guard let equals = line.firstRange(of: " = ") else {
        Issue.record("not 'key = value': \(line)")
        continue
      }
      let key = line[..<equals.lowerBound].split(separator: ".").map(String.init)
      set(key, String(line[equals.upperBound...]), line)
    }
    setup.log = isKafka ? .kafka(kafka, samples: samples) : .embedded(embedded)
  }

  private mutating func set(_ key: [String], _ value: String, _ line: Substring) {
    let rest = Array(key.dropFirst(2))
    let isKnown =
      switch key[0] {
      case "now": set(&setup.now, time(value))
      case "configuration": setConfiguration(key[1], value)
      case "machine": setMachine(key[1], value)
      case "data": setData(key[1], value)
      case "topology": setTopology(key[1], rest, value)
      case "log": setLog(key[1], rest, value)
      case "kafka": setKafka(key[1], value)
      case "topic": setTopic(key[1], rest, value)
      case "sample": setSample(key[1], rest, value)
      default: false
      }
    if !isKnown { Issue.record("what is '\(line)'?") }
  }

  private mutating func setConfiguration(_ key: String, _ value: String) -> Bool {
    switch key {
    case "file": return set(&setup.configuration.file, value)
    case "problem": setup.configuration.problems.append(value)
    case "warning": setup.configuration.warnings.append(value)
    case "connections": return set(&setup.configuration.connections, Int(value)!)
    case "checkpoints":
      let words = value.split(separator: " ")
      setup.configuration.checkpoints =
        words[0] == "none"
        ? nil
        : SetupDescription.Checkpoints(
          path: String(words[0]), isThere: words[1] != "missing", isWritable: words[1] == "writable")
    default: return false
    }
    return true
  }

  private mutating func setMachine(_ key: String, _ value: String) -> Bool {
    switch key {
    case "memory": set(&setup.machine.memoryBytes, size(value))
    case "budget": set(&setup.machine.budgetBytes, size(value))
    case "fetch": set(&setup.machine.fetchBytesPerPartition, size(value))
    case "files": set(&setup.machine.openFiles, Int64(value)!)
    default: false
    }
  }

  private mutating func setData(_ key: String, _ value: String) -> Bool {
    switch key {
    case "path": set(&setup.data.path, value)
    case "there": set(&setup.data.isThere, value == "true")
    case "failure": set(&setup.data.failure, value)
    case "in_use_by": set(&setup.data.inUseBy, value)
    case "disk": set(&setup.data.disk, disk(value))
    default: false
    }
  }

  private mutating func setTopology(_ name: String, _ key: [String], _ value: String) -> Bool {
    if name == "*" { return setup.topologies.map(\.name).allSatisfy { setTopology($0, key, value) } }
    var topology = setup.topologies.first { $0.name == name } ?? SetupDescription.Topology(name: name)
    var isKnown = true
    switch key[0] {
    case "file": topology.file = value
    case "problem": topology.fileProblems.append(value)
    case "topic": topology.topic = value
    case "horizon": topology.horizon = Durations.parse(value)!
    case "gap": topology.gap = Durations.parse(value)!
    case "within": topology.within = Durations.parse(value)!
    case "kept": topology.longestRetention = value == "forever" ? nil : Durations.parse(value)!
    case "trust_producer_time": topology.trustsProducerTime = value == "true"
    case "trust_stamps": topology.trustsStamps = value == "true"
    case "digest": topology.digest = value
    case "generation":
      var generation =
        topology.generation
        ?? SetupDescription.Generation(number: 1, directory: "\(setup.data.path)/topologies/\(name)/gen-1")
      isKnown = WrittenSetup.set(&generation, Array(key.dropFirst()), value)
      topology.generation = generation
    default: isKnown = false
    }
    setup.topologies.removeAll { $0.name == name }
    setup.topologies.append(topology)
    return isKnown
  }

  private static func set(_ generation: inout SetupDescription.Generation, _ key: [String], _ value: String) -> Bool {
    switch key[0] {
    case "failure": generation.failure = value
    case "digest": generation.digest = value
    case "topic": generation.topic = value
    case "origin": generation.origin = .init(rawValue: value)!
    case "partitions":
      generation.partitionCount = Int(value)!
      generation.partitions = (0..<Int(value)!).map { SetupDescription.PartitionState(number: $0) }
    default:
      return each(key[0], generation.partitions.count) { number in
        switch key[1] {
        case "start": generation.partitions[number].start = Int64(value)!
        case "offset": generation.partitions[number].offset = value == "none" ? nil : Int64(value)!
        case "stopped": generation.partitions[number].stopped = value
        case "failure": generation.partitions[number].failure = value
        case "read_back":
          let words = value.split(separator: " ", maxSplits: 1).map(String.init)
          generation.partitions[number].readBack =
            switch words[0] {
            case "same": .same
            case "different": .different(words[1])
            default: .failed(words[1])
            }
        default: return false
        }
        return true
      }
    }
    return true
  }

  private mutating func setLog(_ topic: String, _ key: [String], _ value: String) -> Bool {
    var log =
      embedded.first { $0.topic == topic }
      ?? SetupDescription.EmbeddedLog(topic: topic, directory: "\(setup.data.path)/log/\(topic)")
    defer {
      embedded.removeAll { $0.topic == topic }
      embedded.append(log)
    }
    switch key[0] {
    case "there": log.isThere = value == "true"
    case "failure": log.failure = value
    case "configured": log.configuredPartitions = Int(value)!
    case "partitions": log.partitions = (0..<Int(value)!).map { SetupDescription.LogPartition(number: $0) }
    case "age": log.retentionAge = value == "forever" ? nil : Durations.parse(value)!
    case "size": log.retentionSize = size(value)
    case "bytes": log.bytes = size(value)
    case "disk": log.disk = disk(value)
    case "unfinished": log.unfinished.append(value)
    default:
      return WrittenSetup.each(key[0], log.partitions.count) { number in
        switch key[1] {
        case "start": log.partitions[number].start = Int64(value)!
        case "end": log.partitions[number].end = Int64(value)!
        case "oldest": log.partitions[number].oldest = time(value)
        case "newest": log.partitions[number].newest = time(value)
        case "damage": log.partitions[number].damage = value
        default: return false
        }
        return true
      }
    }
    return true
  }

  private mutating func setKafka(_ key: String, _ value: String) -> Bool {
    isKafka = true
    switch key {
    case "brokers": kafka.brokers = value
    case "no_answer":
      let words = value.split(separator: " ", maxSplits: 1).map(String.init)
      kafka.noAnswer = .init(reason: .init(rawValue: words[0])!, message: words[1])
    case "broker_count": kafka.brokerCount = Int(value)!
    case "user": kafka.user = value
    case "secured": kafka.isSecured = value == "true"
    case "group": kafka.group = value
    case "group_refusal": kafka.groupRefusal = refusal(value)
    case "topic_names": kafka.topicNames = value.split(separator: " ").map(String.init)
    default: return false
    }
    return true
  }

  private mutating func setTopic(_ name: String, _ key: [String], _ value: String) -> Bool {
    var topic = kafka.topics.first { $0.name == name } ?? KafkaDescription.Topic(name: name)
    defer {
      kafka.topics.removeAll { $0.name == name }
      kafka.topics.append(topic)
    }
    switch key[0] {
    case "known": topic.isKnown = value == "true"
    case "refusal": topic.refusal = refusal(value)
    case "partitions": topic.partitions = (0..<Int(value)!).map { KafkaDescription.Partition(number: $0) }
    case "setting":
      topic.settings = (topic.settings ?? [:]).merging([key.dropFirst().joined(separator: "."): value]) { $1 }
    case "settings_refusal":
      topic.settings = nil
      topic.settingsRefusal = refusal(value)
    default:
      return WrittenSetup.each(key[0], topic.partitions.count) { number in
        switch key[1] {
        case "leader": topic.partitions[number].hasLeader = value == "true"
        case "replicas": topic.partitions[number].replicas = Int(value)!
        case "in_sync": topic.partitions[number].replicasInSync = Int(value)!
        case "start": topic.partitions[number].start = Int64(value)!
        case "end": topic.partitions[number].end = Int64(value)!
        case "oldest": topic.partitions[number].oldest = recordTime(value)
        case "newest": topic.partitions[number].newest = value == "none" ? nil : recordTime(value)
        case "refusal": topic.partitions[number].refusal = refusal(value)
        default: return false
        }
        return true
      }
    }
    return true
  }

  private mutating func setSample(_ topic: String, _ key: [String], _ value: String) -> Bool {
    let count = kafka.topics.first { $0.name == topic }?.partitions.count ?? 0
    return WrittenSetup.each(key[0], count) { number in
      var sample = SetupDescription.Sample(topic: topic, partition: number)
      let words = value.split(separator: " ").map(String.init)
      for (word, count) in zip(words, words.dropFirst()).enumerated().filter({ $0.offset % 2 == 0 }).map(\.element) {
        let count = Int(count)!
        switch word {
        case "records": sample.records = count
        case "unusable": sample.unusable = count
        case "misplaced": sample.misplaced = count
        case "without_key": sample.withoutKey = count
        case "other_key": sample.withOtherKey = count
        case "producer_times": (sample.producerTimes, sample.withoutStamp) = (count, count)
        case "without_stamp": sample.withoutStamp = count
        default: return false
        }
      }
      samples.removeAll { $0.topic == topic && $0.partition == number }
      samples.append(sample)
      return true
    }
  }

  /// `p3`, or `p*` for all.
  private static func each(_ key: String, _ count: Int, _ body: (Int) -> Bool) -> Bool {
    guard key.hasPrefix("p") else { return false }
    if key == "p*" { return (0..<count).allSatisfy(body) }
    guard let number = Int(key.dropFirst()), number < count else { return false }
    return body(number)
  }

  private func set<T>(_ target: inout T, _ value: T) -> Bool {
    target = value
    return true
  }

  private func size(_ text: String) -> Int64 { Size(text)!.bytes(of: 0) }
  private func time(_ text: String) -> Int64 { Timestamp(text)!.milliseconds }

  /// `FREE of TOTAL reserve R used U`
  private func disk(_ text: String) -> SetupDescription.Disk {
    let words = text.split(separator: " ").map(String.init)
    return SetupDescription.Disk(
      freeBytes: size(words[0]), totalBytes: size(words[2]), reserveBytes: size(words[4]), usedBytes: size(words[6]))
  }

  /// `denied TEXT` or `failed TEXT`
  private func refusal(_ text: String) -> KafkaDescription.Refusal {
    let words = text.split(separator: " ", maxSplits: 1).map(String.init)
    return .init(isDenied: words[0] == "denied", message: words[1])
  }

  /// `TIME appended`, `TIME produced`, `TIME carried`, and for records that arrived while looking `after TIME`.
  private func recordTime(_ text: String) -> KafkaDescription.RecordTime {
    let words = text.split(separator: " ").map(String.init)
    return .init(
      milliseconds: time(words[0]), isAppendTime: words[1] == "appended", carriesStamp: words[1] == "carried",
      appendedAfter: words.count > 3 ? time(words[3]) : nil, appendedBefore: setup.now)
  }
}

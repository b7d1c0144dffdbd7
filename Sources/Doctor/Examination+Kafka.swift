import Logs
import Settings

extension Examination {
  mutating func kafka(_ kafka: KafkaDescription, _ samples: [SetupDescription.Sample]) {
    let place = "brokers \(kafka.brokers)"
    if let noAnswer = kafka.noAnswer {
      noBroker(noAnswer, kafka, place)
      return
    }
    ok(
      .brokers, place,
      kafka.brokerCount > 0 ? "answer; the cluster has \(Wording.count(kafka.brokerCount, "broker"))" : "answer")
    group(kafka)
    let topics = kafka.topics
    for topic in topics {
      self.topic(topic, kafka, samples.filter { $0.topic == topic.name })
    }
  }

  private mutating func noBroker(_ noAnswer: KafkaDescription.NoAnswer, _ kafka: KafkaDescription, _ place: String) {
    let first = kafka.brokers.split(separator: ",").first.map(String.init) ?? kafka.brokers
    let host = first.split(separator: ":")
    switch noAnswer.reason {
    case .unreachable:
      fail(
        .brokers, place, "no answer: \(noAnswer.message)",
        fix:
          "nc -vz \(host.joined(separator: " ")) tells whether the port is reachable from here; `log.kafka.brokers` names the "
          + "brokers' listener; what they advertise (advertised.listeners) must be reachable too")
    case .tls:
      fail(
        .brokers, place, "no TLS connection: \(noAnswer.message)",
        fix:
          "openssl s_client -connect \(first) -showcerts shows the broker's certificate; `ssl.ca.location` names the authority "
          + "that signed it, and `security.protocol` (ssl, sasl_ssl) must be what that listener speaks")
    case .sasl:
      fail(
        .brokers, place, "the brokers did not accept who we are: \(noAnswer.message)",
        fix:
          "check `sasl.mechanism`, `sasl.username` and the secret under `log.kafka.properties`; an administrator sees the user "
          + "with: kafka-configs.sh --bootstrap-server \(kafka.brokers) --describe --entity-type users")
    }
  }

  private mutating func group(_ kafka: KafkaDescription) {
    guard let group = kafka.group else { return }
    let place = "groups \(group).*"
    guard let refusal = kafka.groupRefusal else {
      ok(.permissions, place, "may be joined")
      return
    }
    if refusal.isDenied {
      fail(
        .permissions, place, "may not be joined: \(refusal.message)",
        fix: kafka.allowing("--operation Read --resource-pattern-type prefixed --group \(group)."))
    } else {
      skip(.permissions, place, "not known whether they may be joined: \(refusal.message)")
    }
  }

  private mutating func topic(
    _ topic: KafkaDescription.Topic, _ kafka: KafkaDescription, _ samples: [SetupDescription.Sample]
  ) {
    let place = "topic \(topic.name)"
    let readers = topologies(of: topic.name)
    if let refusal = topic.refusal {
      if refusal.isDenied {
        fail(
          .permissions, place, "may not be seen: \(refusal.message)",
          fix: kafka.allowing("--operation Describe --operation Read --topic \(topic.name)"))
      } else {
        fail(.topic, place, "cannot be looked at: \(refusal.message)", fix: "look again when the brokers are well")
      }
      return
    }
    guard topic.isKnown else {
      unknown(topic, kafka, readers, place)
      return
    }
    ok(.topic, place, "has \(Wording.count(topic.partitions.count, "partition"))")
    reading(topic, kafka, place)
    leaders(topic, kafka, place)
    timestamps(topic, kafka, samples, readers, place)
    settings(topic, kafka, readers, place)
    replication(topic, kafka, place)
    let bounds = topic.partitions.map {
      Bounds(number: $0.number, start: $0.start, end: $0.end, oldest: $0.oldest?.milliseconds)
    }
    history(
      readers, bounds, place,
      fix: kafka.altering(topic.name, "retention.ms=-1,retention.bytes=-1")
        + " keeps what there still is; what is gone comes back from an archive only")
    self.samples(samples, topic, kafka, place)
    clock(topic, place)
    for reader in readers { positions(reader, bounds, place, .kafka) }
  }

  private mutating func unknown(
    _ topic: KafkaDescription.Topic, _ kafka: KafkaDescription, _ readers: [SetupDescription.Topology], _ place: String
  ) {
    let hint = Suggestion.closest(to: topic.name, among: kafka.topicNames).map { "; did you mean '\($0)'?" } ?? ""
    let count = readers.compactMap { $0.generation?.partitionCount }.first { $0 > 0 } ?? 12
    let replicas = min(3, max(1, kafka.brokerCount))
    fail(
      .topic, place, "there is no such topic\(hint)",
      fix:
        "kafka-topics.sh \(kafka.connection) --create --topic \(topic.name) --partitions \(count) --replication-factor \(replicas) "
        + (replicas > 2 ? "--config min.insync.replicas=2 " : "")
        + "--config message.timestamp.type=LogAppendTime --config retention.ms=-1")
  }

  private mutating func reading(_ topic: KafkaDescription.Topic, _ kafka: KafkaDescription, _ place: String) {
    let refused = topic.partitions.filter { $0.refusal != nil }
    guard let first = refused.first, let refusal = first.refusal else {
      ok(.permissions, place, "may be read")
      return
    }
    let which = Wording.partitions(refused.map(\.number))
    if refusal.isDenied {
      fail(
        .permissions, place, "\(which) may not be read: \(refusal.message)",
        fix: kafka.allowing("--operation Read --topic \(topic.name)"))
    } else {
      skip(.records, place, "\(which): records could not be looked at: \(refusal.message)")
    }
  }

  private mutating func leaders(_ topic: KafkaDescription.Topic, _ kafka: KafkaDescription, _ place: String) {
    let without = topic.partitions.filter { !$0.hasLeader }
    let behind = topic.partitions.filter { $0.hasLeader && $0.replicasInSync < $0.replicas }
    let look = "kafka-topics.sh \(kafka.connection) --describe --topic \(topic.name) names the brokers to start again"
    if !without.isEmpty {
      fail(
        .leaders, place,
        "without a leader, so neither read nor written: \(Wording.partitions(without.map(\.number)))",
        fix: look)
    }
    if !behind.isEmpty {
      warn(
        .leaders, place, "with replicas that are not in sync: \(Wording.partitions(behind.map(\.number)))", fix: look)
    }
    if without.isEmpty, behind.isEmpty { ok(.leaders, place, "every partition has a leader and all its replicas") }
  }
}

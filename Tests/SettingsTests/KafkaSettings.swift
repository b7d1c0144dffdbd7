import Basics
import Foundation
import Settings
import Testing

/// Goal: how to reach Kafka is read with its secrets, which show nowhere, and what is wrong is said where it stands.
/// Method: load texts with made-up environments and files.
@Suite struct KafkaSettings {
  private func load(_ text: String, _ environment: [String: String] = [:]) throws(Failure) -> Configuration {
    try Configuration.load(text: text, file: "k.yaml", environment: environment) { name, value, isSecret in
      name == "no.such" ? "No such configuration property: \"\(name)\"" : nil
    }
  }

  private func problems(_ text: String, _ environment: [String: String] = [:]) -> [String] {
    let failure = #expect(throws: Failure.self) { _ = try load(text, environment) }
    return failure?.message.split(separator: "\n").map(String.init) ?? []
  }

  @Test func everyKeyIsRead() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "millrace-secret-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try "from a file\n".write(to: file, atomically: true, encoding: .utf8)
    let configuration = try load(
      """
      log:
        kafka:
          brokers: a:1,b:2
          group: shop
          properties:
            security.protocol: ssl
            sasl.password: { env: SECRET }
            ssl.key.password: { file: "\(file.path)" }
      checkpoints: { path: /shared, every: 1m }
      """, ["SECRET": "from the environment"])
    var kafka = Configuration.Kafka(brokers: "a:1,b:2")
    kafka.group = "shop"
    kafka.properties = [
      "security.protocol": "ssl", "sasl.password": "from the environment", "ssl.key.password": "from a file",
    ]
    kafka.secrets = ["sasl.password", "ssl.key.password"]
    #expect(configuration.kafka == kafka)
    var checkpoints = Configuration.Checkpoints(path: "/shared")
    checkpoints.everyMilliseconds = 60_000
    #expect(configuration.checkpoints == checkpoints)
  }

  @Test func variablesAreEnough() throws {
    let configuration = try load("{}", ["MILLRACE_LOG_KAFKA_BROKERS": "a:1", "MILLRACE_LOG_KAFKA_GROUP": "g"])
    #expect(configuration.kafka?.brokers == "a:1")
    #expect(configuration.kafka?.group == "g")
    #expect(configuration.warnings == [])
    #expect(try load("log: { embedded: { partitions: 2 } }").kafka == nil)
  }

  @Test func whatIsWrongIsSaidWhereItStands() {
    #expect(
      problems("log: { kafka: { group: g } }") == [
        "k.yaml:1:15: 'brokers' is missing from 'kafka': host:port, separated by commas"
      ])
    #expect(
      problems("log: { kafka: { brokers: a }, embedded: { partitions: 2 } }")
        == ["k.yaml:1:15: a log is embedded or Kafka's, not both: remove 'embedded' or 'kafka'"])
    #expect(
      problems("log: { kafka: { brokers: a, properties: { no.such: 1 } } }")
        == ["k.yaml:1:43: No such configuration property: \"no.such\""])
    #expect(
      problems("log: { kafka: { brokers: a, properties: { group.id: x } } }")
        == ["k.yaml:1:43: 'group.id' is 'group' here, beside 'properties'"])
    #expect(
      problems("log: { kafka: { brokers: a, properties: { sasl.password: { env: NOT_SET } } } }")
        == ["k.yaml:1:43: 'sasl.password' is kept in the environment variable NOT_SET, which is not set"])
    #expect(
      problems("log: { kafka: { brokers: a, properties: { sasl.password: { environment: X } } } }")
        .contains("k.yaml:1:43: 'sasl.password' is a value, or {env: NAME}, or {file: PATH}"))
    #expect(problems("checkpoints: { every: 5m }").first?.contains("'path' is missing from 'checkpoints'") == true)
    #expect(
      problems("checkpoints: { path: /x }") == [
        "k.yaml:1:14: 'checkpoints' are for instances that share partitions, so they need 'kafka' as the log"
      ])
  }
}

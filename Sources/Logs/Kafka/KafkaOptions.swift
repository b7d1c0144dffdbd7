import Basics

/// How to reach a Kafka cluster. What it says of itself never has a secret in it.
public struct KafkaOptions: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  /// `host:port`, separated by commas.
  public var brokers: String
  /// What the names of consumer groups begin with.
  public var group: String
  /// librdkafka's own names and values.
  public var properties: [String: String]
  /// Names of properties whose values came from the environment or a file.
  public var secrets: Set<String>

  public init(
    brokers: String, group: String = "millrace", properties: [String: String] = [:], secrets: Set<String> = []
  ) {
    self.brokers = brokers
    self.group = group
    self.properties = properties
    self.secrets = secrets
  }

  public var description: String {
    let shown = properties.sorted { $0.key < $1.key }.map { name, value in
      "\(name)=\(secrets.contains(name) || KafkaProperties.isSecret(name) ? "[hidden]" : value)"
    }
    return (["brokers=\(brokers)", "group=\(group)"] + shown).joined(separator: " ")
  }

  // `dump` and failed test expectations look at the fields themselves otherwise.
  public var customMirror: Mirror { Mirror(self, children: ["": description]) }

  /// What is wrong with a property, in librdkafka's words; nil when it can be used.
  public static func problem(property name: String, value: String, isSecret: Bool) -> String? {
    KafkaProperties.problem(name, value, isSecret: isSecret || KafkaProperties.isSecret(name))
  }
}

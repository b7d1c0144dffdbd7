import Logs

/// Commands of Kafka's own tools, with what they need to get through to these brokers.
extension KafkaDescription {
  var connection: String {
    "--bootstrap-server \(brokers)" + (isSecured ? " --command-config client.properties" : "")
  }

  func altering(_ topic: String, _ settings: String) -> String {
    "kafka-configs.sh \(connection) --alter --entity-type topics --entity-name \(topic) --add-config \(settings)"
  }

  func allowing(_ what: String) -> String {
    "kafka-acls.sh \(connection) --add --allow-principal User:\(user ?? "NAME") \(what)"
  }
}

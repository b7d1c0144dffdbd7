import Basics
import Logs
import Testing

/// Properties are librdkafka's, except those that would break a promise; what is secret is never said.
@Suite struct KafkaOptionsTests {
  @Test func problemsAreLibrdkafkasWords() {
    func problem(_ name: String, _ value: String, secret: Bool = false) -> String? {
      KafkaOptions.problem(property: name, value: value, isSecret: secret)
    }
    #expect(problem("security.protocol", "ssl") == nil)
    #expect(problem("sasl.password", "hunter2") == nil)
    #expect(problem("no.such.thing", "1") == #"No such configuration property: "no.such.thing""#)
    #expect(
      problem("security.protocol", "tsl") == #"Invalid value "tsl" for configuration property "security.protocol""#)
    #expect(problem("security.protocol", "tsl", secret: true) == "the value of 'security.protocol' cannot be used")
    #expect(problem("acks", "1") == "'acks' is not for the configuration: it is always all")
    #expect(
      problem("enable.auto.commit", "true")
        == "'enable.auto.commit' is not for the configuration: offsets live in the state")
  }

  @Test func secretsAreNotShown() {
    let options = KafkaOptions(
      brokers: "b:9092", group: "g",
      properties: [
        "sasl.password": "hunter2", "ssl.key.pem": "hunter3", "client.rack": "hunter4", "sasl.username": "me",
      ],
      secrets: ["client.rack"])
    var dumped = ""
    dump(options, to: &dumped)
    for text in ["\(options)", String(reflecting: options), dumped] { #expect(!text.contains("hunter"), "\(text)") }
    #expect(
      "\(options)"
        == "brokers=b:9092 group=g client.rack=[hidden] sasl.password=[hidden] sasl.username=me ssl.key.pem=[hidden]")
  }

  @Test func whatCannotBeUsedIsSaidWhenTheLogIsOpened() {
    let options = KafkaOptions(
      brokers: "127.0.0.1:1", properties: ["security.protocol": "ssl", "ssl.ca.location": "/nowhere/ca.pem"])
    let failure = failure { _ = try KafkaLog(options, topic: "t") }
    #expect(failure?.kind == .invalid)
    #expect(failure?.message.contains("ssl.ca.location") == true, "\(failure?.message ?? "nothing")")
  }
}

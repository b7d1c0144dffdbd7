import Testing

@testable import Logs

@Suite struct KafkaLogTests {
  @Test func nothing() {}
}

import Basics
import Dataflow
import Settings
import Testing

/// Goal: what a newcomer runs first works. Method: load every file we ship, by its path in the checkout.
@Suite struct ShippedFiles {
  static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }

  @Test(arguments: ["web", "shop", "community"])
  func topologyLoads(_ name: String) throws {
    let topology = try Topology.load(path: "\(Self.root)/topologies/\(name).yaml")
    #expect(topology.name == name)
    #expect(topology.views.count == 3)
  }

  @Test func webSaysWhatTheDesignSays() throws {
    let topology = try Topology.load(path: "\(Self.root)/topologies/web.yaml")
    guard case .rollup(let traffic) = topology.view(named: "traffic")?.kind,
      case .funnel(let checkout) = topology.view(named: "checkout")?.kind
    else {
      Issue.record("traffic is a rollup and checkout a funnel")
      return
    }
    #expect(traffic.by == [Field("event_type"), Field("geo.country"), Field("device.type")])
    #expect(traffic.measures.map(\.name) == ["events", "users", "revenue", "checkouts"])
    #expect(traffic.measures[2].function == .sum(Field("properties.amount")))
    #expect(traffic.measures[2].scale == 2)
    #expect(traffic.grains.map(\.grain) == [.minute, .hour, .day])
    #expect(traffic.grains[2].retentionMilliseconds == 3 * 365 * Timestamp.day)
    #expect(checkout.steps.map(\.eventType) == ["view_product", "add_to_cart", "purchase"])
    #expect(checkout.withinMilliseconds == Timestamp.day)
    #expect(checkout.by == Field("geo.country"))
    #expect(checkout.retentionMilliseconds == nil)
  }

  @Test func localConfigurationShowsTheDefaults() throws {
    var expected = Configuration()
    expected.topologies = ["topologies/web.yaml"]
    expected.log.path = "./data/log"
    #expect(try Configuration.load(path: "\(Self.root)/config/local.yaml") == expected)
  }

  @Test func kafkaConfigurationIsRead() throws {
    let configuration = try Configuration.load(path: "\(Self.root)/config/kafka.yaml")
    #expect(configuration.kafka == Configuration.Kafka(brokers: "localhost:9092"))
    #expect(configuration.topologies == ["topologies/web.yaml"])
  }
}

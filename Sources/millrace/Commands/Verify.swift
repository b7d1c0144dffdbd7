import Basics
import Dataflow
import Runtime
import Service

/// Proves that what is served is what a replay gives.
enum Verify {
  static let syntax = CommandSyntax(
    verb: "verify", positional: ["NAME"],
    summary: "Rebuild what is served from the log and compare every stored cell; 0 equal, 1 different.",
    options: [
      .value("from", "TIME", "compare buckets from here (2026-03-01 or 2026-03-01T12:00:00Z)"),
      .value("to", "TIME", "compare buckets before"),
      Place.threadsOption, .flag("json", "one JSON object on standard output"), Place.memoryOption,
    ] + Place.options,
    examples: ["millrace verify web --data /tmp/live"], failureIsTwo: true)

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let generations = try place.generations(try arguments.required(0, "NAME", verb: "verify"), in: data)
    var comparing = Verification.Options()
    comparing.start = try arguments.time("from")
    comparing.end = try arguments.time("to")
    comparing.byteLimit = max(16 << 20, place.memoryBytes / 8)
    let served = try OfflineTopology(data, topology: generations.topology, memory: place.memoryBytes / 4)
    let result = try RebuildCheck(of: served).run(
      data, input: try place.input(of: generations),
      options: try place.runOptions(arguments), comparing: comparing, run: Foreground.complete)
    if arguments.has("json") {
      Console.print(json(generations.topology, result))
    } else {
      show(generations.topology, result)
    }
    return result.isEqual ? 0 : 1
  }

  private static func show(_ topology: String, _ result: RebuildCheck.Result) {
    let place = "offsets \(result.offsets.map { "\($0)" }.joined(separator: ","))"
    let since = result.exactFrom.map { ", exact from \(Timestamp(milliseconds: $0)) on" } ?? ""
    guard !result.isEqual else {
      Console.print(
        "\(topology) generation \(result.generation) is what its log gives: \(Console.grouped(result.cells)) cells equal at "
          + "\(place), digest \(result.digest)\(since)")
      return
    }
    Console.print(
      "\(topology) generation \(result.generation) is not what its log gives: \(Console.grouped(result.differingCells)) of "
        + "\(Console.grouped(result.cells)) cells differ at \(place)\(since)")
    for other in result.others { Console.print(other) }
    guard !result.differences.isEmpty else { return }
    Console.table(
      ["view", "grain", "bucket", "partition", "dimensions", "measure", "served", "rebuilt"],
      result.differences.map { cell in
        [
          cell.view, cell.grain, "\(Timestamp(milliseconds: cell.bucket))", "\(cell.partition)",
          cell.dimensions.map { "\($0.name)=\($0.value.isEmpty ? "-" : $0.value)" }.joined(separator: " "),
          cell.measure, cell.served ?? "-", cell.rebuilt ?? "-",
        ]
      }, right: [3, 6, 7])
  }

  private static func json(_ topology: String, _ result: RebuildCheck.Result) -> String {
    var json = JSONText()
    json.object { json in
      json.field("topology", topology)
      json.field("generation", result.generation)
      json.field("equal", result.isEqual)
      json.key("offsets")
      json.array { json in for offset in result.offsets { json.value(offset) } }
      json.key("starts")
      json.array { json in for start in result.starts { json.value(start) } }
      json.field("exact_from", result.exactFrom.map { Timestamp(milliseconds: $0).description })
      json.field("cells", result.cells)
      json.field("differing", result.differingCells)
      json.field("not_compared", result.notCompared)
      json.field("digest", result.digest)
      json.key("differences")
      json.array { json in
        for cell in result.differences {
          json.object { json in
            json.field("view", cell.view)
            json.field("grain", cell.grain)
            json.field("bucket", Timestamp(milliseconds: cell.bucket).description)
            json.field("partition", cell.partition)
            json.key("dimensions")
            ComparisonText.dimensions(cell.dimensions, &json)
            json.field("measure", cell.measure)
            json.field("served", cell.served)
            json.field("rebuilt", cell.rebuilt)
          }
        }
      }
      json.key("others")
      json.array { json in for other in result.others { json.value(other) } }
    }
    return json.text
  }
}

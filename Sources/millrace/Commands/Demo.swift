import Basics
import Dataflow
import Dispatch
import Foundation
import Logs
import Runtime
import Settings
import Workload

/// The whole path in a minute: made-up events that end now, the durable log, a topology, exact numbers.
enum Demo {
  static let syntax = CommandSyntax(
    verb: "demo",
    summary: "Make up a week of events, run a topology over them, show the numbers, and serve them.",
    options: [
      .flag("exit", "do everything, print the summary, and do not go on serving"),
      .value("events", "N", "events of the week (default 200000)"),
      .values("input", "FILE", "NDJSON files as the history, instead of a made-up week"),
      .value("rate", "N", "events a second that go on arriving while it serves (default 0)"),
      .value("seed", "N", "equal seeds make equal people and visits (default 1)"),
      .value("listen", "HOST:PORT", "where to answer (default 127.0.0.1:8080, or a free port when that is taken)"),
      .value("topology", "FILE", "topology to run (default topologies/web.yaml)"), Place.memoryOption,
      .value("data", "DIR", "data directory, made anew (default: a temporary one)"),
    ],
    examples: [
      "millrace demo", "millrace demo --exit", "millrace demo --rate 1000 --data /tmp/demo",
      "millrace demo --input 2025.ndjson.zst --topology topologies/community.yaml",
    ])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    var place = try Place(arguments)
    let file = try Place.loadTopology(arguments.text("topology") ?? "topologies/web.yaml")
    let isOwn = arguments.text("data") == nil
    let rate = try arguments.integer("rate", in: 0...1_000_000) ?? 0
    if isOwn {
      let directory = FileManager.default.temporaryDirectory.appending(path: "millrace-demo-\(getpid())").path
      place.configuration.data = directory
      place.configuration.log.path = nil
    } else if FileManager.default.fileExists(atPath: "\(place.configuration.data)/log") {
      throw .invalid("\(place.configuration.data) has a log already: the demo wants a directory of its own")
    }
    defer { if isOwn { try? FileManager.default.removeItem(atPath: place.configuration.data) } }
    // A demo should run on a full laptop: its log is small and its own.
    place.configuration.log.reserve = .bytes(64 << 20)
    try fill(place, file.topology.source.topic, arguments)
    return try serve(place, file, rate: rate, arguments)
  }

  private static func fill(_ place: Place, _ topic: String, _ arguments: Arguments) throws(Failure) {
    let now = wallMilliseconds()
    let startedAt = monotonicMilliseconds()
    let log = try place.openLog(topic: topic, readOnly: false)
    if let files = arguments.list("input") { return try fill(log, files, startedAt) }
    let events = try events(arguments)
    let lines = try Generate.append(
      WorkloadOptions(
        seed: try seed(arguments), events: events, users: max(100, events / 20),
        start: now - 7 * Timestamp.day, end: now), to: log, startedAt)
    Console.print(
      "\(Console.bold("log"))  \(Console.grouped(lines)) events of 7 days, ending now, in \(log.partitionCount) partitions, "
        + "\(Console.size(log.byteCount)), durable after \(seconds(since: startedAt)) s")
  }

  private static func fill(_ log: SegmentLog, _ files: [String], _ startedAt: Int64) throws(Failure) {
    let progress = Progress(now: startedAt)
    let result = try Import(log, paths: files, horizon: 72 * Timestamp.hour, allowLate: false).run {
      done, total, records in
      progress.update(now: monotonicMilliseconds(), done: done, total: total, count: records, noun: "records")
    }
    progress.end()
    Console.print(
      "\(Console.bold("log"))  \(Console.grouped(result.appended)) events of \(files.joined(separator: ", ")) in "
        + "\(log.partitionCount) partitions, \(Console.size(log.byteCount)), durable after \(seconds(since: startedAt)) s"
    )
  }

  private static func events(_ arguments: Arguments) throws(Failure) -> Int {
    try arguments.integer("events", in: 1_000...1_000_000_000) ?? 200_000
  }

  private static func seed(_ arguments: Arguments) throws(Failure) -> UInt64 {
    UInt64(try arguments.integer("seed", in: 0...Int.max) ?? 1)
  }

  private static func serve(
    _ place: Place, _ file: (text: String, topology: Topology), rate: Int, _ arguments: Arguments
  ) throws(Failure) -> Int32 {
    let startedAt = monotonicMilliseconds()
    let serving = try open(place, file, arguments)
    let ended = DispatchSemaphore(value: 0)
    let interrupts = Interrupts { ended.signal() }
    try serving.start()
    while !isCaughtUp(serving.node) {
      Thread.sleep(forTimeInterval: 0.02)
      if interrupts.signalSeen != nil { break }
    }
    let milliseconds = max(1, monotonicMilliseconds() - startedAt)
    try summarize(serving.node, milliseconds)
    if arguments.has("exit") || interrupts.signalSeen != nil {
      serving.stop()
      return interrupts.signalSeen == nil ? 0 : 2
    }
    Console.print("\nserving on \(Console.bold(serving.url)) until Ctrl-C. Try:")
    for path in examples(file.topology) { Console.print("  curl '\(serving.url)\(path)'") }
    var traffic: DemoTraffic?
    if rate > 0 {
      Console.print("\(Console.grouped(rate)) events a second go on arriving")
      traffic = DemoTraffic(
        rate, seed: try seed(arguments), users: max(100, try events(arguments) / 20), into: serving.node.embedded!)
    }
    ended.wait()
    defer { serving.stop() }
    if let arrived = try traffic?.stop() { Console.print("\(Console.grouped(arrived)) events have arrived meanwhile") }
    return 0
  }

  /// One of the first measure of each rollup, and each funnel.
  private static func examples(_ topology: Topology) -> [String] {
    topology.views.map { view in
      switch view.kind {
      case .rollup(let rollup):
        let by = rollup.by.last.map { "&group_by=\($0)" } ?? ""
        return
          "/query?view=\(view.name)&metric=\(rollup.measures[0].name)&granularity=\(rollup.grains.last!.grain.name)\(by)"
      case .funnel(let funnel):
        return "/funnels/\(view.name)/results" + (funnel.by == nil ? "" : "?by=true")
      }
    } + ["/topologies"]
  }

  private static func open(
    _ place: Place, _ file: (text: String, topology: Topology), _ arguments: Arguments
  ) throws(Failure) -> Serving {
    let threads = ProcessInfo.processInfo.activeProcessorCount
    if let text = arguments.text("listen") {
      guard let address = Address(text) else {
        throw .invalid("--listen takes an address such as 127.0.0.1:8080, not '\(text)'")
      }
      return try Serving(place, [file], listen: address, threads: threads)
    }
    var listen = place.configuration.listen
    // Nobody asked for this very port, so another will do.
    if !Serving.isFree(listen) || arguments.has("exit") { listen.port = 0 }
    return try Serving(place, [file], listen: listen, threads: threads)
  }

  private static func isCaughtUp(_ node: Node) -> Bool {
    node.topologies.allSatisfy { $0.statuses.allSatisfy { $0.failure != nil || $0.caughtUpAt != nil } }
  }

  private static func summarize(_ node: Node, _ milliseconds: Int64) throws(Failure) {
    let live = node.topologies[0]
    let topology = live.generation.topology
    let reading = try live.reading()
    var ledger = Ledger(columns: reading.answers.plan.projection.columns.count)
    for status in live.statuses { ledger.add(status.ledger) }
    Console.print(
      "\(Console.bold("run"))  \(Console.grouped(ledger.read)) read, \(Console.grouped(ledger.counted)) counted, "
        + "\(Console.grouped(ledger.duplicates)) duplicates, \(Console.grouped(ledger.late)) late, "
        + "\(Console.grouped(ledger.quarantinedTotal)) quarantined, in "
        + "\(DecimalText.format(Int128(milliseconds), scale: 3)) s "
        + "(\(Console.grouped(ledger.read * 1_000 / milliseconds)) events/s)\n")
    for view in topology.views {
      switch view.kind {
      case .rollup(let rollup): try show(view.name, rollup, reading)
      case .funnel:
        let answer = try reading.answers.funnel(view: view.name, start: nil, end: nil, by: false)
        Console.print("\(Console.bold(view.name))  funnel within the week")
        FunnelDisplay.show(answer.steps)
        Console.print("")
      }
    }
    for missing in reading.partial {
      Console.warn("partition \(missing.partition) is not up to date: \(missing.message)")
    }
  }

  /// Measures by day, side by side.
  private static func show(_ view: String, _ rollup: RollupDefinition, _ reading: Reading) throws(Failure) {
    guard rollup.grains.contains(where: { $0.grain == .day }) else { return }
    var days: [Int64] = []
    var columns: [[Int64: String]] = []
    for measure in rollup.measures {
      var request = QueryRequest(metric: measure.name, granularity: .day)
      request.view = view
      var column: [Int64: String] = [:]
      for row in try reading.answers.query(request).rows {
        column[row.bucket] = row.value.text ?? "-"
        if !days.contains(row.bucket) { days.append(row.bucket) }
      }
      columns.append(column)
    }
    Console.print("\(Console.bold(view))  \(rollup.of.rawValue) by day")
    Console.table(
      ["day"] + rollup.measures.map(\.name),
      days.sorted().suffix(14).map { day in
        [String(Timestamp(milliseconds: day).description.prefix(10))] + columns.map { $0[day] ?? "-" }
      }, right: Set(1...rollup.measures.count))
    Console.print("")
  }

  private static func seconds(since start: Int64) -> String {
    DecimalText.format(Int128(max(1, monotonicMilliseconds() - start)), scale: 3)
  }
}

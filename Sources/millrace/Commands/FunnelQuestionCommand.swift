import Basics
import Dataflow
import Foundation
import Runtime
import Service

/// `millrace funnel --steps`: a funnel that no topology declares, computed from the log, from files, or by a server.
struct FunnelQuestionCommand {
  private let arguments: Arguments
  private let funnel: FunnelText
  private let parameters: FunnelParameters

  init(_ arguments: Arguments) throws(Failure) {
    self.arguments = arguments
    guard arguments.has("by") == !arguments.positional.isEmpty else {
      throw .invalid(
        arguments.has("by")
          ? "--by takes a field with --steps: --by geo.country"
          : "'\(arguments.positional[0])' is a funnel that is declared, and --steps makes up another: leave one out")
    }
    var items: [(name: String, value: String)] = []
    for (option, parameter) in [
      ("start", "start_time"), ("end", "end_time"), ("trend", "trend"), ("timezone", "timezone"), ("limit", "limit"),
    ] {
      if let value = arguments.text(option) { items.append((parameter, value)) }
    }
    for flag in ["by", "histogram"] where arguments.has(flag) { items.append((flag, "true")) }
    parameters = try FunnelParameters(items)
    var funnel = FunnelText(
      steps: FunnelQuestionCommand.steps(arguments.list("steps")!),
      withinMilliseconds: try arguments.duration("within") ?? 24 * Timestamp.hour, by: arguments.positional.first,
      condition: arguments.text("where"))
    funnel.strictIncrease = arguments.has("strict")
    _ = try funnel.definition()
    self.funnel = funnel
  }

  /// One word is a list; of several each is a step.
  private static func steps(_ words: [String]) -> [FunnelText.Step] {
    let steps =
      words.count > 1 ? words : words[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    return steps.map { step in
      guard let range = step.range(of: " where ") else { return FunnelText.Step(event: step) }
      return FunnelText.Step(
        event: String(step[..<range.lowerBound]), condition: String(step[range.upperBound...]))
    }
  }

  func run() throws(Failure) -> Int32 {
    if let server = ServerWork(arguments) {
      Console.print(try server.ask(funnel, parameters, arguments))
      return 0
    }
    let place = try Place(arguments)
    guard let files = arguments.list("input") else { return try overLog(place) }
    let input = BoundedRun.Input.files(
      files, keyed: arguments.has("keyed"), partitions: try arguments.integer("partitions", in: 1...1_024) ?? 4)
    return try inScratch(place, try ask("files", input, Dataflow.Topology.Source()), input)
  }

  /// The log of a data directory, or of a configuration, as the topology there reads it.
  private func overLog(_ place: Place) throws(Failure) -> Int32 {
    guard !arguments.has("keyed"), arguments.text("partitions") == nil else {
      throw .invalid("--keyed and --partitions are about --input files; the log has its own partitions")
    }
    let data = try place.openData(create: false)
    guard !data.topologies.isEmpty else {
      let source = Dataflow.Topology.Source()
      let input = try place.input(source)
      return try kept(place, data, try ask("log", input, source), input)
    }
    let name = try data.topology(named: arguments.text("topology"), view: nil)
    let generation = try Generation.load(data, topology: name)
    let input = try place.input(of: generation.source, partitions: generation.partitionCount, generation.topology)
    let asked = try ask(name, input, generation.topology.source, generation)
    // Files do not say by an offset what they hold, so nothing of them is kept.
    if case .files = generation.source { return try inScratch(place, asked, input) }
    return try kept(place, data, asked, input)
  }

  private func ask(
    _ topology: String, _ input: BoundedRun.Input, _ source: Dataflow.Topology.Source, _ generation: Generation? = nil
  ) throws(Failure) -> AskedFunnel {
    var asked = try AskedFunnel(funnel, of: topology, reading: source, allOf: input, since: generation)
    asked.start = parameters.start
    asked.end = parameters.end
    asked.trend = parameters.trend
    asked.timezone = arguments.text("timezone")
    return asked
  }

  /// What was computed before at the same offsets is not computed again; what was interrupted goes on.
  private func kept(
    _ place: Place, _ data: DataDirectory, _ asked: AskedFunnel, _ input: BoundedRun.Input
  ) throws(Failure) -> Int32 {
    let files = AskedFunnelFiles(data)
    let id = try asked.id()
    if let result = try files.result(id) {
      try show(id, asked, result)
      return 0
    }
    try files.begin(id, asked)
    let result = try compute(place, asked, input, in: files.work(id))
    try files.finish(id, result)
    try show(id, asked, result)
    return 0
  }

  private func inScratch(_ place: Place, _ asked: AskedFunnel, _ input: BoundedRun.Input) throws(Failure) -> Int32 {
    let scratch = FileManager.default.temporaryDirectory.appending(path: "millrace-funnel-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: scratch) }
    try show(nil, asked, try compute(place, asked, input, in: scratch.path))
    return 0
  }

  private func compute(
    _ place: Place, _ asked: AskedFunnel, _ input: BoundedRun.Input, in directory: String
  ) throws(Failure) -> FunnelResult {
    let replay = try FunnelReplay(asked, in: directory, input: input)
    return try replay.result(input: input, options: try place.runOptions(arguments)) { (run, _) throws(Failure) in
      try Foreground.complete(run)
    }
  }

  private func show(_ id: String?, _ asked: AskedFunnel, _ result: FunnelResult) throws(Failure) {
    let answer = try result.answer(to: asked, limit: parameters.limit)
    guard !arguments.has("json") else {
      return Console.print(AnswerText.funnel(id, asked, result, answer, histogram: parameters.histogram))
    }
    FunnelDisplay(answer, histogram: parameters.histogram).show()
    Console.print(Console.dim("\(Console.grouped(result.events)) records read, of '\(asked.topology)'"))
    if let exact = result.exactFrom {
      Console.warn(
        "the log no longer holds everything: what is before \(Timestamp(milliseconds: exact)) is incomplete")
    }
  }
}

import Basics
import Dataflow
import Runtime

/// Serves another generation.
enum Promote {
  static let syntax = CommandSyntax(
    verb: "promote", positional: ["NAME", "[N]"],
    summary: "Serve another generation of a topology from now on (default: the newest that was never served).",
    options: [
      .flag("force", "also one that is not caught up"), Deploy.shorterOption,
      .flag("json", "one JSON object on standard output"), ServerWork.option, Place.memoryOption,
    ] + Place.options,
    examples: ["millrace promote web --data /tmp/live", "millrace promote web 3 --data /tmp/live"])

  static func run(_ arguments: Arguments) throws(Failure) -> Int32 {
    if let server = ServerWork(arguments) {
      let topology = try arguments.required(0, "NAME", verb: "promote")
      let answer = try server.ask(
        "POST", ServerWork.path(topology, "promote"),
        try ServerWork.item("generation", arguments, 1)
          + ServerWork.items(arguments, flags: ["force", "accept-shorter-history"]))
      server.promoted(arguments, answer, topology)
      return 0
    }
    let place = try Place(arguments)
    let data = try place.openData(create: false)
    let generations = try place.generations(try arguments.required(0, "NAME", verb: "promote"), in: data)
    let live = try generations.live()
    let named = try number(arguments, 1)
    let number = named == nil ? try generations.candidate() : named!
    let dropped = try number == live ? [] : promote(number, generations, place, nil, arguments)
    if arguments.has("json") {
      var json = JSONText()
      json.object { json in
        json.field("topology", generations.topology)
        json.field("generation", number)
        json.field("replaced", live == number ? nil : live)
        json.key("dropped")
        json.array { json in for number in dropped { json.value(number) } }
      }
      Console.print(json.text)
    } else {
      Console.print(
        live == number
          ? "generation \(number) of '\(generations.topology)' is served already"
          : "generation \(number) of '\(generations.topology)' is served; 'millrace rollback \(generations.topology)' goes back "
            + "to generation \(live!)")
      for number in dropped { Console.print("generation \(number) was removed: more are not kept") }
    }
    return 0
  }

  static func number(_ arguments: Arguments, _ index: Int) throws(Failure) -> Int? {
    guard index < arguments.positional.count else { return nil }
    let text = arguments.positional[index]
    guard let number = Int(text), number > 0 else {
      throw .invalid("a generation is a number such as 3 ('millrace status' lists them), not '\(text)'")
    }
    return number
  }

  /// Checks, promotes, and drops what is no longer kept.
  @discardableResult
  static func promote(
    _ number: Int, _ generations: Generations, _ place: Place, _ input: BoundedRun.Input?, _ arguments: Arguments
  ) throws(Failure) -> [Int] {
    var terms = Generations.PromotionTerms()
    terms.isForced = arguments.has("force")
    terms.acceptsShorterHistory = arguments.has("accept-shorter-history")
    let data = generations.data
    let candidate = try OfflineTopology(
      data, topology: generations.topology, number: number, memory: place.memoryBytes / 2)
    let readable = try? OfflineTopology(data, topology: generations.topology, memory: place.memoryBytes / 2)
    // A program that gives the live one another meaning cannot read it, and is there to replace it.
    if let live = readable {
      let ends: [Int64]?
      if terms.isForced {
        ends = nil
      } else {
        let opened = if let input { input } else { try place.input(of: generations) }
        ends = try opened.ends()
      }
      try generations.check(.init(candidate), against: .init(live), ends: ends, terms)
    }
    try generations.promote(number)
    return try generations.prune(place.keeping, now: wallMilliseconds())
  }
}

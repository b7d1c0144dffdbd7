import Basics
import Dataflow
import Runtime

/// The rows of one question as they were last told, and the events that tell what became of them.
struct LiveRows: Sendable {
  private struct Key: Hashable, Comparable {
    var bucket: Int64
    var dimensions: [String]

    static func < (a: Key, b: Key) -> Bool {
      a.bucket != b.bucket ? a.bucket < b.bucket : a.dimensions.lexicographicallyPrecedes(b.dimensions)
    }
  }

  /// What a reading came to.
  struct Answer: Sendable {
    var reading: Reading
    var answer: QueryAnswer
    var start: Int64
  }

  private(set) var generation: Int
  private var number = 0
  private var start: Int64
  private var groupBy: [String]
  private var values: [Key: MeasureValue] = [:]
  private var order: [Key] = []
  private var partial: [MissingPartition] = []
  /// What every event ends with. Not the reading itself: its snapshots would keep the stores from forgetting.
  private var progress = ""

  init(_ new: Answer) {
    generation = new.reading.generation
    start = new.start
    groupBy = new.answer.groupBy
    take(new)
  }

  private mutating func take(_ new: Answer) {
    order = new.answer.rows.map { Key(bucket: $0.bucket, dimensions: $0.dimensions) }
    values = Dictionary(
      uniqueKeysWithValues: new.answer.rows.map { (Key(bucket: $0.bucket, dimensions: $0.dimensions), $0.value) })
    (start, groupBy, generation) = (new.start, new.answer.groupBy, new.reading.generation)
    number += 1
    take(new.reading)
  }

  private mutating func take(_ reading: Reading) {
    partial = reading.partial
    var json = JSONText()
    json.object { AnswerText.progress(reading.standing, &$0) }
    progress = json.text
  }

  /// All rows, for who has none yet.
  var snapshot: String { event("snapshot") { rows("data", order, &$0) } }

  /// That nothing has changed, and how fresh that is.
  mutating func unchanged(_ reading: Reading?) -> String {
    if let reading { take(reading) }
    return event("fresh") { _ in }
  }

  /// - Returns: what to tell who has the rows before; nil when they are the same.
  mutating func change(to new: Answer) -> String? {
    guard new.reading.generation == generation, new.answer.groupBy == groupBy else {
      take(new)
      // Another generation: nothing that was told need still be so.
      return event("generation") { _ in } + snapshot
    }
    let (before, wasPartial) = (values, partial)
    take(new)
    let changed = order.filter { before[$0] != values[$0] }
    // Buckets before the first are left to whoever shows so many.
    let gone = before.keys.filter { $0.bucket >= start && values[$0] == nil }.sorted()
    guard !changed.isEmpty || !gone.isEmpty || wasPartial != partial else {
      number -= 1
      return nil
    }
    return event("change") { json in
      rows("data", changed, &json)
      json.key("removed")
      json.array { json in for key in gone { json.object { place(key, &$0) } } }
    }
  }

  private func rows(_ name: String, _ keys: [Key], _ json: inout JSONText) {
    json.key(name)
    json.array { json in
      for key in keys {
        json.object { json in
          place(key, &json)
          json.field("value", number: values[key]?.text)
        }
      }
    }
  }

  private func place(_ key: Key, _ json: inout JSONText) {
    json.field("timestamp", Timestamp(milliseconds: key.bucket).description)
    json.key("dimensions")
    json.object { json in
      for (name, value) in zip(groupBy, key.dimensions) { json.field(name, value.isEmpty ? nil : value) }
    }
  }

  private func event(_ kind: String, _ body: (inout JSONText) -> Void) -> String {
    var json = JSONText()
    json.object { json in
      json.field("from", Timestamp(milliseconds: start).description)
      body(&json)
    }
    // Two objects made one: neither is empty.
    let data = "\(json.text.dropLast()),\(progress.dropFirst())"
    return "id: \(generation).\(number)\nevent: \(kind)\ndata: \(data)\n\n"
  }
}

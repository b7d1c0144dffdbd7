import Basics
import Dataflow
import Service

/// Rows of a query for a person: a table, and on a terminal bars or a line of blocks for each group.
struct QueryTable {
  private struct Row {
    var time: String
    var dimensions: [String]
    var value: String?
    var previous: String?
  }

  private var groupBy: [String]
  private var metric: String
  private var isCompared: Bool
  private var rows: [Row]

  init(_ page: QueryPage) {
    groupBy = page.answer.groupBy
    metric = page.answer.metric
    isCompared = page.answer.compared != nil
    rows = page.rows.map { row in
      Row(
        time: Timestamp(milliseconds: row.bucket).description,
        dimensions: row.isOther ? page.answer.groupBy.map { _ in "(other)" } : row.dimensions.map(QueryTable.shown),
        value: row.value.text, previous: row.previous?.text)
    }
  }

  /// As a server writes it: `time`, dimensions, the metric, then `previous` and `other` where they apply.
  init(csv text: String) {
    var lines = QueryTable.fields(text)
    var header = lines.isEmpty ? [] : lines.removeFirst()
    // Named so also by a metric; but then it is the only one.
    let hasOther =
      header.count > 2 && header.last == "other" && lines.allSatisfy { ["true", "false"].contains($0.last) }
    if hasOther { header.removeLast() }
    isCompared = header.count > 2 && header.last == "previous"
    if isCompared { header.removeLast() }
    metric = header.last ?? ""
    groupBy = Array(header.dropFirst().dropLast())
    let count = groupBy.count
    rows = lines.filter { $0.count >= count + 2 }.map { fields in
      let isOther = hasOther && fields.last == "true"
      let value = fields[count + 1]
      return Row(
        time: fields[0],
        dimensions: isOther
          ? Array(repeating: "(other)", count: count) : fields[1...].prefix(count).map(QueryTable.shown),
        value: value.isEmpty ? nil : value,
        previous: fields.count > count + 2 && !fields[count + 2].isEmpty ? fields[count + 2] : nil)
    }
  }

  private static func shown(_ text: String) -> String { text.isEmpty ? "-" : Query.printable(text) }

  func show() {
    let values = groupBy.count + 1
    let draws = Console.outputIsTerminal
    let most = rows.compactMap { $0.value.flatMap(Double.init) }.max() ?? 0
    Console.table(
      ["time"] + groupBy + [metric] + (isCompared ? ["before"] : []) + (draws ? [""] : []),
      rows.map { row in
        [row.time] + row.dimensions + [row.value ?? "-"] + (isCompared ? [row.previous ?? "-"] : [])
          + (draws ? [Blocks.bar(row.value.flatMap(Double.init) ?? 0, of: most, width: 24)] : [])
      }, right: isCompared ? [values, values + 1] : [values])
    if draws { showLines() }
  }

  /// What each group did over time, in one line.
  private func showLines() {
    let times = Array(Set(rows.map(\.time))).sorted()
    let groups = Dictionary(grouping: rows, by: \.dimensions)
    guard !groupBy.isEmpty, times.count > 1, times.count <= 120, groups.count > 1, groups.count <= 24 else { return }
    let places = Dictionary(uniqueKeysWithValues: times.enumerated().map { ($1, $0) })
    Console.print("")
    let names = groups.keys.sorted { $0.lexicographicallyPrecedes($1) }
    Console.table(
      groupBy + [metric],
      names.map { name in
        var line = [Double?](repeating: nil, count: times.count)
        for row in groups[name]! { line[places[row.time]!] = row.value.flatMap(Double.init) }
        return name + [Blocks.line(line)]
      })
  }

  /// RFC 4180.
  private static func fields(_ text: String) -> [[String]] {
    var lines: [[String]] = []
    var line: [String] = []
    var field = ""
    var isQuoted = false
    var scalars = text.unicodeScalars.makeIterator()
    var next = scalars.next()
    while let scalar = next {
      next = scalars.next()
      switch scalar {
      case "\"" where isQuoted && next == "\"":
        field.unicodeScalars.append(scalar)
        next = scalars.next()
      case "\"": isQuoted.toggle()
      case "," where !isQuoted:
        line.append(field)
        field = ""
      case "\r" where !isQuoted: break
      case "\n" where !isQuoted:
        lines.append(line + [field])
        (line, field) = ([], "")
      default: field.unicodeScalars.append(scalar)
      }
    }
    return lines
  }
}

import Basics
import Dataflow
import Runtime

/// Answers of queries as text: the bodies of the HTTP API and what `--json` prints.
public enum QueryText {
  /// `{data, next_cursor, freshness_seconds, complete_until, generation, offsets}`, and `compared_to`, `partial`,
  /// `provisional_from` and `incomplete_before` where they apply.
  public static func json(_ standing: Standing, _ page: QueryPage) -> String {
    var json = JSONText()
    json.object { json in
      rows(page, &json)
      AnswerText.progress(standing, &json)
      provisional(standing, page, &json)
    }
    return json.text
  }

  /// Of several metrics in one reading: `{queries:[{view, metric, data, next_cursor}], freshness_seconds, ...}`.
  public static func json(_ standing: Standing, _ pages: [QueryPage]) -> String {
    var json = JSONText()
    json.object { json in
      json.key("queries")
      json.array { json in
        for page in pages {
          json.object { json in
            json.field("view", page.answer.view)
            json.field("metric", page.answer.metric)
            rows(page, &json)
            provisional(standing, page, &json)
          }
        }
      }
      AnswerText.progress(standing, &json)
    }
    return json.text
  }

  /// One row a line, as in `data`.
  static func ndjson(_ page: QueryPage) -> String {
    var text = ""
    var times = RowTimes()
    for row in page.rows {
      var json = JSONText()
      self.row(row, times.text(row.bucket), page, &json)
      text += json.text + "\n"
    }
    return text
  }

  /// `[{time, <dimensions>, <metric>}]`.
  static func flat(_ page: QueryPage) -> String {
    var json = JSONText()
    var times = RowTimes()
    let hasOther = page.hasOther
    json.array { json in
      for row in page.rows {
        json.object { json in
          json.field("time", times.text(row.bucket))
          for (index, name) in page.answer.groupBy.enumerated() { json.field(name, QueryText.dimension(row, index)) }
          json.field(page.answer.metric, number: row.value.text)
          if let previous = row.previous { json.field("previous", number: previous.text) }
          if hasOther { json.field("other", row.isOther) }
        }
      }
    }
    return json.text
  }

  /// RFC 4180, with a header line: `time`, the dimensions, the metric, `previous` and `other` where they apply.
  static func csv(_ page: QueryPage) -> String {
    let hasOther = page.hasOther
    let isCompared = page.answer.compared != nil
    let header =
      ["time"] + page.answer.groupBy + [page.answer.metric] + (isCompared ? ["previous"] : [])
      + (hasOther ? ["other"] : [])
    var text = line(header)
    var times = RowTimes()
    for row in page.rows {
      var fields = [times.text(row.bucket)]
      for index in page.answer.groupBy.indices { fields.append(dimension(row, index) ?? "") }
      fields.append(row.value.text ?? "")
      if isCompared { fields.append(row.previous?.text ?? "") }
      if hasOther { fields.append(row.isOther ? "true" : "false") }
      text += line(fields)
    }
    return text
  }

  private static func line(_ fields: [String]) -> String {
    fields.map { field in
      let isPlain = field.utf8.allSatisfy { $0 != 0x22 && $0 != 0x2c && $0 != 0x0d && $0 != 0x0a }
      return isPlain ? field : "\"\(field.replacing("\"", with: "\"\""))\""
    }.joined(separator: ",") + "\r\n"
  }

  private static func rows(_ page: QueryPage, _ json: inout JSONText) {
    json.key("data")
    json.array { json in
      var times = RowTimes()
      for row in page.rows { self.row(row, times.text(row.bucket), page, &json) }
    }
    json.field("next_cursor", page.next?.text)
    if let compared = page.answer.compared {
      json.key("compared_to")
      json.object { json in
        json.field("start_time", AnswerText.time(compared.lowerBound))
        json.field("end_time", AnswerText.time(compared.upperBound))
      }
    }
  }

  private static func provisional(_ standing: Standing, _ page: QueryPage, _ json: inout JSONText) {
    guard let gap = page.answer.provisionalGap else { return }
    json.field("provisional_from", standing.completeUntil.map { AnswerText.time($0 - gap) })
  }

  private static func row(_ row: QueryAnswer.Row, _ timestamp: String, _ page: QueryPage, _ json: inout JSONText) {
    json.object { json in
      json.field("timestamp", timestamp)
      json.field("value", number: row.value.text)
      if let previous = row.previous { json.field("previous", number: previous.text) }
      json.key("dimensions")
      json.object { json in
        for (index, name) in page.answer.groupBy.enumerated() { json.field(name, dimension(row, index)) }
      }
      if row.isOther { json.field("other", true) }
    }
  }

  /// Nil for a missing value, and for the rest, which has none.
  private static func dimension(_ row: QueryAnswer.Row, _ index: Int) -> String? {
    row.isOther || row.dimensions[index].isEmpty ? nil : row.dimensions[index]
  }
}

/// Rows often come by time, and many share one: its text is made once.
private struct RowTimes {
  private var bucket: Int64?
  private var shown = ""

  mutating func text(_ bucket: Int64) -> String {
    if bucket != self.bucket {
      self.bucket = bucket
      shown = AnswerText.time(bucket)
    }
    return shown
  }
}

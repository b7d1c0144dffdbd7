import Basics
import Dataflow
import Runtime

/// What a comparison of two generations found, as JSON on one line: what `millrace diff --json` prints.
public enum ComparisonText {
  public static func differences(
    topology: String, a: Int, b: Int, offsets: [Int64], exactFrom: Int64?, _ views: [ViewDifference]
  ) -> String {
    var json = JSONText()
    json.object { json in
      json.field("topology", topology)
      json.field("a", a)
      json.field("b", b)
      json.key("offsets")
      json.array { json in for offset in offsets { json.value(offset) } }
      json.field("exact_from", exactFrom.map { Timestamp(milliseconds: $0).description })
      json.key("views")
      json.array { json in for view in views { self.view(view, &json) } }
    }
    return json.text
  }

  public static func dimensions(_ dimensions: [ViewDifference.NamedDimension], _ json: inout JSONText) {
    json.object { json in
      for dimension in dimensions { json.field(dimension.name, dimension.value.isEmpty ? nil : dimension.value) }
    }
  }

  private static func view(_ view: ViewDifference, _ json: inout JSONText) {
    json.object { json in
      json.field("view", view.view)
      json.field("equal", view.equal)
      json.field("changed", view.changed)
      json.field("added", view.added)
      json.field("removed", view.removed)
      json.field("not_rebuilt", view.notRebuilt)
      movers("largest", view.largest, &json)
      movers("largest_relative", view.largestRelative, &json)
      json.key("totals")
      json.array { json in
        for totals in view.totals {
          json.object { json in
            json.field("by", totals.by)
            json.field("grain", totals.grain)
            json.field("equal", totals.equal)
            json.field("different", totals.different)
            movers("largest", totals.largest, &json)
          }
        }
      }
      texts("compared_dimensions", view.comparedDimensions, &json)
      only("only_in_a", view.onlyInA, &json)
      only("only_in_b", view.onlyInB, &json)
      texts("notes", view.notes, &json)
    }
  }

  private static func only(_ name: String, _ only: ViewDifference.Only, _ json: inout JSONText) {
    json.key(name)
    json.object { json in
      texts("dimensions", only.dimensions, &json)
      texts("measures", only.measures, &json)
      texts("grains", only.grains, &json)
    }
  }

  private static func texts(_ name: String, _ texts: [String], _ json: inout JSONText) {
    json.key(name)
    json.array { json in for text in texts { json.value(text) } }
  }

  private static func movers(_ name: String, _ movers: [ViewDifference.Mover], _ json: inout JSONText) {
    json.key(name)
    json.array { json in
      for mover in movers {
        json.object { json in
          json.field("grain", mover.grain)
          json.field("bucket", Timestamp(milliseconds: mover.bucket).description)
          json.key("dimensions")
          dimensions(mover.dimensions, &json)
          json.field("measure", mover.measure)
          json.field("a", number: mover.a?.text)
          json.field("b", number: mover.b?.text)
        }
      }
    }
  }
}

import Basics
import Dataflow
import Testing

/// Goal: somebody who made mistakes is told all of them, where they are and what to write instead. Method: files and
/// the exact lines said about them, in Scripts/topologies.txt.
@Suite struct TopologyScripts {
  @Test func everyFileSaysItsLines() throws {
    try Script(named: "topologies.txt").check { text in
      do throws(Failure) {
        return try Topology.load(text: text, file: "t.yaml").canonical
      } catch {
        #expect(error.kind == .invalid)
        return error.message
      }
    }
  }

  @Test func aRollupHasAsManyMeasuresAsItsBlocksCanCount() throws {
    func file(_ measures: Int) -> String {
      let names = (0..<measures).map { "        m\($0): avg(properties.f\($0))\n" }.joined()
      return
        "topology: a\nviews:\n  v:\n    rollup:\n      of: events\n      measures:\n\(names)      grains: {hour: forever}\n"
    }
    #expect(throws: Never.self) { try Topology.load(text: file(100), file: "t.yaml") }
    do throws(Failure) {
      _ = try Topology.load(text: file(101), file: "t.yaml")
      Issue.record("101 measures were taken")
    } catch {
      #expect(
        error.message == "t.yaml:107:9: at most 100 measures in a rollup, found 101; make a second view for the rest")
    }
  }
}

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
}

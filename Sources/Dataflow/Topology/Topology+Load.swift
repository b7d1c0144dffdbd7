import Basics
import Settings

extension Topology {
  /// Reads a topology file. docs/TOPOLOGY.md has every key.
  ///
  /// - Errors: `.invalid` with one line per problem, `file:line:column: what is wrong; did you mean …`, in file order.
  public static func load(path: String) throws(Failure) -> Topology {
    try load(text: try TextFile.read(path), file: path)
  }

  /// - Parameter file: What messages call the text.
  public static func load(text: String, file: String) throws(Failure) -> Topology {
    let problems = Problems(file: file)
    var topology = Topology(name: "")
    if let root = YAML.parse(text, problems: problems) {
      topology = TopologyReader(problems: problems).read(root)
    }
    try problems.throwIfAny()
    return topology
  }
}

import Dataflow
import Runtime

/// `GET /`: what this server has to offer, for somebody who opens it in a browser. Needs nothing but itself.
enum IndexPage {
  static func response(_ node: Node) -> Response {
    Response(
      200, "text/html; charset=utf-8", page(node.topologies.map(\.generation.topology)),
      [Response.Header(name: "Content-Security-Policy", value: "default-src 'none'; style-src 'unsafe-inline'")])
  }

  private static func page(_ topologies: [Topology]) -> String {
    """
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Millrace</title>
    <style>
    :root { color-scheme: light dark; }
    body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }
    h1, h2 { line-height: 1.2; }
    dt { margin-top: .6rem; }
    dd { margin: 0; color: color-mix(in srgb, currentColor 70%, transparent); }
    a { color: light-dark(#0b57a4, #8ab8f0); }
    </style>
    <h1>Millrace</h1>
    <dl>
    \(item("/topologies", "topologies, their views, and how far each partition is"))
    \(item("/metrics", "the same for Prometheus"))
    \(item("/healthz", "whether the process lives"))
    \(item("/readyz", "whether it has caught up with its log"))
    </dl>
    \(topologies.map(section).joined(separator: "\n"))
    </html>

    """
  }

  private static func section(_ topology: Topology) -> String {
    let items = topology.views.map { view in
      switch view.kind {
      case .rollup(let rollup):
        return rollup.measures.map { measure in
          let grain = rollup.grains.last?.grain.name ?? "hour"
          return item(
            "/query?topology=\(topology.name)&view=\(view.name)&metric=\(measure.name)&granularity=\(grain)",
            "\(measure.description), per \(grain)")
        }.joined(separator: "\n")
      case .funnel(let funnel):
        return item(
          "/funnels/\(view.name)/results?topology=\(topology.name)", funnel.steps.map(\.name).joined(separator: " → "))
      }
    }
    return "<h2>\(escaped(topology.name))</h2>\n<dl>\n\(items.joined(separator: "\n"))\n</dl>"
  }

  private static func item(_ target: String, _ what: String) -> String {
    "<dt><a href=\"\(escaped(target))\">\(escaped(target))</a></dt><dd>\(escaped(what))</dd>"
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

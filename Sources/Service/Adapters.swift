import Collector

/// The paths where events are taken, and how they are sent there.
enum Adapters {
  private static let oneEvent = OneEvent()
  private static let list = EventList()
  private static let segment = SegmentAdapter()
  private static let postHog = PostHogAdapter()
  private static let google = GoogleAdapter()

  /// Nil for any other path.
  static func at(_ path: String) -> (any Adapter)? {
    switch path {
    case "/events": oneEvent
    case "/events/batch": list
    case "/batch/", "/batch": postHog
    case "/mp/collect": google
    case let path where SegmentAdapter.isPath(path): segment
    default: nil
    }
  }
}

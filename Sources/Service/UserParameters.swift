import Basics

/// What a user is asked for with: the query of `GET /sessions` and `GET /users/{id}`, or the options of `millrace user`.
public struct UserParameters: Sendable {
  public let user: String
  public let topology: String?

  /// - `user`: from the path; nil: it is the parameter `user_id`.
  /// - Errors: `.invalid` naming the parameter.
  public init(_ items: [(name: String, value: String)], user: String? = nil) throws(Failure) {
    let values = try NamedValues(items, known: user == nil ? ["user_id", "topology"] : ["topology"])
    topology = values["topology"]
    guard let user = user ?? values["user_id"], !user.isEmpty else { throw .invalid("user_id is missing") }
    self.user = user
  }
}

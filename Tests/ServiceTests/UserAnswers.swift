import Service
import Testing

/// Goal: a user's own timeline is what the state remembers of it, and says from when on that is all. Method: as for queries.
@Suite struct UserAnswers {
  private let end = #""freshness_seconds":0,"complete_until":"T","generation":1,"offsets":{"0":7,"1":2}}"#

  @Test func sessionsAndStepsOfAUser() throws {
    let test = try TestNode()
    #expect(
      test.text("/users/ada")
        == #"{"user_id":"ada","sessions":["#
        + #"{"start":"2026-03-01T12:20:00Z","end":"2026-03-01T12:20:00Z","duration_seconds":0.000,"events":1,"dimensions":{"geo.country":"FR"}},"#
        + #"{"start":"2026-03-01T13:10:00Z","end":"2026-03-01T13:10:00Z","duration_seconds":0.000,"events":1,"dimensions":{"geo.country":"FR"}}],"#
        + #""complete_from":"2026-02-26T12:40:01Z","funnels":[{"name":"checkout","steps_total":3,"steps_completed":1,"steps":["#
        + #"{"timestamp":"2026-03-01T12:20:00Z","step":1,"name":"view_product","value":"FR"},"#
        + #"{"timestamp":"2026-03-01T13:10:00Z","step":1,"name":"view_product","value":"FR"}],"#
        + #""complete_from":"2026-02-25T13:00:00Z"}],\#(end)\#n"#)
    #expect(
      test.text("/sessions", [("user_id", "ada")]).hasPrefix(
        #"{"user_id":"ada","sessions":[{"start":"2026-03-01T12:20:00Z""#))
    #expect(!test.text("/sessions", [("user_id", "ada")]).contains("funnels"))
  }

  /// A record four days later has made bob's sessions unreachable, but not what he did in the funnel.
  @Test func whatIsForgottenIsNotShown() throws {
    let test = try TestNode()
    let bob = test.text("/users/bob")
    #expect(
      bob.hasPrefix(#"{"user_id":"bob","sessions":[],"complete_from":"2026-03-02T11:30:00Z","funnels":["#), "\(bob)")
    #expect(
      bob.contains(#""steps_completed":3,"#) && bob.contains(#""complete_from":"2026-03-01T12:00:00Z""#), "\(bob)")
  }

  @Test func whoIsNotKnownIsNotFound() throws {
    let test = try TestNode()
    for path in ["/users/nobody", "/users/ad", "/users/ada/", "/users/a/b c%"] {
      let answer = test.get(path)
      #expect(answer.status == 404 && answer.body.contains("no event of user '\(path.dropFirst(7))'"), "\(answer.body)")
    }
    #expect(test.get("/sessions").body.contains("user_id is missing"))
    #expect(test.get("/users/ada", [("user", "x")]).status == 400)
    #expect(test.get("/users/").status == 404)
  }
}

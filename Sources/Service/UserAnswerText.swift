import Basics
import Dataflow
import Foundation
import Runtime

/// One user's timeline as JSON on one line.
public enum UserAnswerText {
  /// `{user_id, sessions, complete_from, funnels, freshness_seconds, complete_until, generation}`; without funnels
  /// for `GET /sessions`.
  public static func user(_ reading: Reading, _ user: String, _ timeline: UserTimeline, funnels: Bool = true) -> String
  {
    var json = JSONText()
    json.object { json in
      json.field("user_id", user)
      sessions(timeline, &json)
      if funnels {
        json.key("funnels")
        json.array { json in for funnel in timeline.funnels { self.funnel(funnel, &json) } }
      }
      AnswerText.progress(reading.standing, &json)
    }
    return json.text
  }

  private static func sessions(_ timeline: UserTimeline, _ json: inout JSONText) {
    json.key("sessions")
    if let sessions = timeline.sessions {
      json.array { json in
        for session in sessions {
          json.object { json in
            json.field("start", AnswerText.time(session.start))
            json.field("end", AnswerText.time(session.end))
            json.field(
              "duration_seconds", number: DecimalText.format(Int128(session.end - session.start), scale: 3))
            json.field("events", session.events)
            json.key("dimensions")
            json.object { json in
              for attribute in session.attributes {
                json.field(attribute.field, attribute.value.isEmpty ? nil : attribute.value)
              }
            }
          }
        }
      }
    } else {
      json.null()
    }
    json.field("complete_from", timeline.sessionsCompleteFrom.map(AnswerText.time))
  }

  private static func funnel(_ funnel: UserTimeline.Funnel, _ json: inout JSONText) {
    json.object { json in
      json.field("name", funnel.view)
      json.field("steps_total", funnel.stepCount)
      json.field("steps_completed", funnel.level)
      json.key("steps")
      json.array { json in
        for step in funnel.steps {
          json.object { json in
            json.field("timestamp", AnswerText.time(step.time))
            json.field("step", step.number)
            json.field("name", step.name)
            if let value = step.value { json.field("value", value.isEmpty ? nil : value) }
          }
        }
      }
      json.field("complete_from", funnel.completeFrom.map(AnswerText.time))
    }
  }

  /// What an instance tells another; nothing of a user it does not know.
  static func part(_ timeline: UserTimeline?) -> [UInt8] {
    guard let timeline else { return [] }
    do { return Array(try JSONEncoder().encode(timeline)) } catch {
      preconditionFailure("a timeline does not encode: \(error)")
    }
  }

  static func timeline(_ part: [UInt8]) throws(Failure) -> UserTimeline? {
    guard !part.isEmpty else { return nil }
    do { return try JSONDecoder().decode(UserTimeline.self, from: Data(part)) } catch {
      throw .unavailable("another instance's word on a user cannot be read: \(error)")
    }
  }
}
